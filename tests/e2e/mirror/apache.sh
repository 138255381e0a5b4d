# A page that says who answered and what was asked, in two virtual hosts. The second has rewrite rules of its own.
set -eu
cat >/var/www/mirror.php <<'END'
<?php
$body = fopen('php://input', 'rb');
$hash = hash_init('sha256');
$length = hash_update_stream($hash, $body);
$headers = array_change_key_case(getallheaders());
if (isset($_GET['to'])) {
    setcookie('basket', 'full');
    header("Location: {$headers['x-forwarded-proto']}://{$_SERVER['HTTP_HOST']}{$_GET['to']}", true, 303);
    exit;
}
echo json_encode([
    'server' => gethostname(), 'method' => $_SERVER['REQUEST_METHOD'], 'uri' => $_SERVER['REQUEST_URI'],
    'length' => $length, 'sha256' => hash_final($hash), 'headers' => $headers,
]);
END
echo 'post_max_size = 0' >/etc/php/8.2/apache2/conf.d/99-mirror.ini
cat >/etc/apache2/conf-enabled/mirror.conf <<'END'
AliasMatch "^/(mirror|inbox)" "/var/www/mirror.php"
END
cat >/etc/apache2/sites-enabled/shop.conf <<'END'
<VirtualHost *:80>
    ServerName shop.example
    RewriteEngine On
    RewriteRule "^" "/var/www/mirror.php" [L]
</VirtualHost>
END
a2enmod --quiet rewrite
systemctl restart apache2
