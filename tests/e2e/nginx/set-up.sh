# What the administrator once did by hand, on the new server's disk.
set -eu
systemctl enable --quiet nginx postgresql club club-bill.timer
rm -f /etc/nginx/sites-enabled/default
chown www-data: /srv/club/uploads
cd /etc/postgresql/*/main
version=$(basename "$(dirname "$PWD")")
echo "listen_addresses = '*'" >conf.d/club.conf
echo 'host club club samenet scram-sha-256' >>pg_hba.conf
sql() {
    su postgres -s /bin/sh -c "/usr/lib/postgresql/$version/bin/postgres --single \
        -D /var/lib/postgresql/$version/main -c config_file=$PWD/postgresql.conf \
        -c dynamic_shared_memory_type=mmap $1" >/dev/null
}
sql postgres <<'END'
CREATE ROLE club LOGIN PASSWORD 'oars'
CREATE DATABASE club OWNER club
END
sql club <<'END'
CREATE TABLE guestbook (id serial PRIMARY KEY, name text, text text)
CREATE TABLE bills (at timestamp DEFAULT now(), server text)
ALTER TABLE guestbook OWNER TO club
ALTER TABLE bills OWNER TO club
INSERT INTO guestbook (name, text) VALUES ('Ada', 'hello from the first day')
END
