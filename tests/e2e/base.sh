# What an image for EC2 has and Debian's packages alone have not. $1: the new disk.
set -eu
cd "$1"

# The first boot is cloud-init's: it makes host keys and the account, and names the server.
cat >etc/cloud/cloud.cfg.d/90-image.cfg <<'END'
datasource_list: [NoCloud]
network: {config: disabled}
locale: C.UTF-8
system_info:
  default_user: {name: admin, lock_passwd: true, shell: /bin/bash, sudo: ["ALL=(ALL) NOPASSWD:ALL"]}
END
rm -f etc/ssh/ssh_host_*
: >etc/machine-id
rm -f var/lib/dbus/machine-id etc/resolv.conf

# Which of these a server runs, its administrator decides.
chroot . systemctl disable --quiet apache2 mariadb nginx postgresql
# Since 10.11.18 Debian's package lets systemd listen in its place.
chroot . systemctl disable --quiet mariadb.socket || :
rm -f var/www/html/*
rm -rf var/cache/apt/* var/lib/apt/lists/*
