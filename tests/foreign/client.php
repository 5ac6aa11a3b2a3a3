<?php
// Makes the calls of a file with PHP's xmlrpc extension: client.php URL CALLS.
//
// Values are tagged as tests/foreign/tagged.rs says; the password comes from the environment.
declare(strict_types=1);
// A double is written with as many digits as it has.
ini_set('precision', '17');
[, $url, $file] = $argv;
$token = hash_hmac('md5', $url, getenv('TINYP2P_PASSWORD'));

function untag(array $tagged): mixed {
    global $token;
    $kind = array_key_first($tagged);
    $value = $tagged[$kind];
    switch ($kind) {
        case 'token': return $token;
        case 'double': return (float) $value;
        case 'bytes': $value = hex2bin($value); xmlrpc_set_type($value, 'base64'); return $value;
        case 'date': xmlrpc_set_type($value, 'datetime'); return $value;
        case 'array': case 'struct': return array_map(untag(...), $value);
        default: return $value;
    }
}

function tag(mixed $value): array {
    if (is_bool($value)) return ['boolean' => $value];
    if (is_int($value)) return ['int' => $value];
    if (is_float($value)) return ['double' => var_export($value, true)];
    if (is_string($value)) return ['string' => $value];
    if (is_object($value)) {
        return $value->xmlrpc_type === 'base64' ? ['bytes' => bin2hex($value->scalar)] : ['date' => $value->scalar];
    }
    if (array_is_list($value)) return ['array' => array_map(tag(...), $value)];
    return ['struct' => (object) array_map(tag(...), $value)];
}

$endpoint = substr_count($url, '/') === 2 ? "$url/RPC2" : $url;
$outcomes = [];
foreach (json_decode(file_get_contents($file), true, flags: JSON_THROW_ON_ERROR) as [$method, $params]) {
    $options = ['encoding' => 'utf-8', 'escaping' => 'markup'];
    $http = [
        'method' => 'POST',
        'header' => "Content-Type: text/xml",
        'content' => xmlrpc_encode_request($method, array_map(untag(...), $params), $options),
    ];
    $document = file_get_contents($endpoint, context: stream_context_create(['http' => $http]));
    $answer = xmlrpc_decode($document, 'utf-8');
    $is_fault = is_array($answer) && xmlrpc_is_fault($answer);
    $outcomes[] = $is_fault ? ['fault' => $answer['faultCode']] : tag($answer);
}
echo json_encode($outcomes, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
