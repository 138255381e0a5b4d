# What the administrator once did by hand, on the new server's disk.
set -eu
systemctl enable --quiet apache2 mariadb
systemctl enable --quiet mariadb.socket || :
chown www-data: /var/www/html/uploads
chown root:www-data /var/www/html/config.php
chmod 0640 /var/www/html/config.php
mkdir -p /run/mysqld
mariadbd --user=mysql --bootstrap <<'END'
FLUSH PRIVILEGES;
CREATE DATABASE club CHARACTER SET utf8mb4;
CREATE USER club@'%' IDENTIFIED BY 'oars';
GRANT SELECT, INSERT ON club.* TO club@'%';
CREATE TABLE club.guestbook (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT, text TEXT);
CREATE TABLE club.bills (at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, server TEXT);
INSERT INTO club.guestbook (name, text) VALUES ('Ada', 'hello from the first day');
END
