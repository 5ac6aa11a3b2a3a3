# Makes the calls of a file with XMLRPC::Client: client.rb URL CALLS.
#
# Values are tagged as tests/foreign/tagged.rs says; the password comes from the environment.
require "json"
require "openssl"
require "xmlrpc/client"

url, calls = ARGV
TOKEN = OpenSSL::HMAC.hexdigest("MD5", ENV.fetch("TINYP2P_PASSWORD"), url)

def untag(tagged)
  kind, value = tagged.first
  case kind
  when "token" then TOKEN
  when "double" then Float(value)
  when "bytes" then XMLRPC::Base64.new([value].pack("H*"))
  when "date"
    XMLRPC::DateTime.new(*value.match(/(....)(..)(..)T(..):(..):(..)/).captures.map { |part| part.to_i(10) })
  when "array" then value.map { |item| untag(item) }
  when "struct" then value.transform_values { |item| untag(item) }
  else value
  end
end

def tag(value)
  case value
  when XMLRPC::FaultException then { fault: value.faultCode }
  when true, false then { boolean: value }
  when Integer then { int: value }
  when Float then { double: value.to_s }
  # The library gives back base64 as a string too; only its encoding tells.
  when String then value.encoding == Encoding::BINARY ? { bytes: value.unpack1("H*") } : { string: value }
  when XMLRPC::DateTime then { date: format("%04d%02d%02dT%02d:%02d:%02d", *value.to_a) }
  when Array then { array: value.map { |item| tag(item) } }
  when Hash then { struct: value.transform_values { |item| tag(item) } }
  else raise "no such kind: #{value.class}"
  end
end

client = XMLRPC::Client.new2(url.count("/") == 2 ? "#{url}/RPC2" : url)
# Its own limit, two seconds, is less than what a busy machine may take between two calls.
client.http.keep_alive_timeout = 60
outcomes = JSON.parse(File.read(calls, encoding: "UTF-8")).map do |method, params|
  if method == "(several)"
    # Its own way to make several calls in one.
    _, answers = client.multicall2(*params.map { |name, given| [name, *given.map { |value| untag(value) }] })
    tag(answers)
  else
    _, answer = client.call2(method, *params.map { |value| untag(value) })
    tag(answer)
  end
end
puts JSON.generate(outcomes)
