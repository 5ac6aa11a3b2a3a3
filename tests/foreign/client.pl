# Makes the calls of a file with RPC::XML::Client: client.pl URL CALLS.
#
# Values are tagged as tests/foreign/tagged.rs says; the password comes from the environment.
use strict;
use warnings;
use Digest::MD5 qw(md5 md5_hex);
use JSON::PP;
use RPC::XML;
use RPC::XML::Client;

$RPC::XML::ENCODING = 'utf-8';
my ($url, $file) = @ARGV;

# HMAC-MD5 by hand (RFC 2104): Perl's own modules have MD5 alone.
sub hmac {
    my ($key, $text) = @_;
    $key = md5($key) if length $key > 64;
    $key .= "\0" x (64 - length $key);
    return md5_hex(($key ^ ("\x5c" x 64)) . md5(($key ^ ("\x36" x 64)) . $text));
}
my $token = hmac($ENV{TINYP2P_PASSWORD}, $url);

sub untag {
    my ($kind, $value) = %{ $_[0] };
    return RPC::XML::string->new($token) if $kind eq 'token';
    return RPC::XML::string->new($value) if $kind eq 'string';
    return RPC::XML::int->new($value) if $kind eq 'int';
    return RPC::XML::double->new($value) if $kind eq 'double';
    return RPC::XML::boolean->new($value ? 1 : 0) if $kind eq 'boolean';
    return RPC::XML::base64->new(pack 'H*', $value) if $kind eq 'bytes' && length $value;
    return RPC::XML::datetime_iso8601->new($value) if $kind eq 'date';
    return RPC::XML::array->new(map { untag($_) } @$value) if $kind eq 'array';
    return RPC::XML::struct->new(map { $_ => untag($value->{$_}) } keys %$value) if $kind eq 'struct';
    die "no such kind: $kind";
}

sub tag {
    my ($value) = @_;
    my $kind = $value->type;
    return { fault => $value->code + 0 } if $value->is_fault;
    if ($kind eq 'string') { my $text = $value->value; utf8::decode($text); return { string => "$text" } }
    return { int => $value->value + 0 } if $kind =~ /^(int|i4)$/;
    return { double => '' . $value->value } if $kind eq 'double';
    return { boolean => $value->value ? JSON::PP::true : JSON::PP::false } if $kind eq 'boolean';
    return { bytes => unpack 'H*', $value->value } if $kind eq 'base64';
    return { date => $value->value } if $kind eq 'dateTime.iso8601';
    return { array => [map { tag($_) } @$value] } if $kind eq 'array';
    return { struct => { map { $_ => tag($value->{$_}) } keys %$value } } if $kind eq 'struct';
    die "no such kind: $kind";
}

my $client = RPC::XML::Client->new($url, compress_thresh => 400);
$client->compress_requests(1);
$client->useragent->conn_cache({ total_capacity => 1 });
open my $in, '<:raw', $file or die $!;
my $calls = decode_json(do { local $/; <$in> });
my @outcomes;
for my $call (@$calls) {
    my ($method, $params) = @$call;
    my $answer = $client->send_request(RPC::XML::request->new($method, map { untag($_) } @$params));
    die $answer unless ref $answer;
    push @outcomes, tag($answer);
}
print encode_json(\@outcomes);
