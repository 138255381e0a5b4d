# Habits that the server got over the years. Each notes in /var/lib/habits that it acted.
mkdir -p -m 1777 /var/lib/habits
cat >/usr/local/bin/habit <<'END'
#!/bin/sh
hostname >>"/var/lib/habits/$1"
END
chmod 0755 /usr/local/bin/habit

# What administrators set up: jobs, a timer, a worker, a deploy key, a token, a lock that was left.
echo '@reboot root /usr/local/bin/habit cron-job' >/etc/cron.d/news
echo '@reboot /usr/local/bin/habit user-crontab' | crontab -u news -
mkdir -p /var/spool/cron/atjobs
printf '#!/bin/sh\n/usr/local/bin/habit at-job\n' >/var/spool/cron/atjobs/a0000101c5a3c0
chmod 0700 /var/spool/cron/atjobs/a0000101c5a3c0
unit() { printf '%s\n' '[Service]' "ExecStart=/bin/sh -c '$2'" '[Install]' 'WantedBy=multi-user.target' >"$1"; }
timer() {
    printf '%s\n' '[Service]' 'Type=oneshot' "ExecStart=/usr/local/bin/habit $2" >"$1.service"
    printf '%s\n' '[Timer]' 'OnBootSec=1s' '[Install]' 'WantedBy=timers.target' >"$1.timer"
}
timer /etc/systemd/system/club-news timer
unit /etc/systemd/system/club-queue-worker.service 'habit queue-worker; exec sleep infinity'
mkdir -p -m 0700 /root/.ssh /var/lib/club
echo 'a key' >/root/.ssh/id_deploy
install -m 0640 /dev/null /etc/club.token
echo 'the master' | tee /etc/club.token >/etc/club.role
touch /var/lib/club/club.lock

# What packages brought: small stand-ins for at, a mail server, an agent, certbot and a program with a lock.
lib=/usr/lib/systemd/system
unit $lib/atd.service 'for job in /var/spool/cron/atjobs/*; do sh $job; done; exec sleep infinity'
mkdir -p /var/spool/postfix/maildrop /var/spool/postfix/deferred/A /var/spool/postfix/etc
touch /var/spool/postfix/maildrop/B17 /var/spool/postfix/deferred/A/A99
echo '127.0.0.1 localhost' >/var/spool/postfix/etc/hosts
unit $lib/postfix.service \
    'for mail in $(find /var/spool/postfix/maildrop /var/spool/postfix/deferred -type f); do habit mail; done'
sed -i '/^\[Service\]/a Type=oneshot\nRemainAfterExit=yes' $lib/postfix.service
mkdir -p /var/ossec/etc
echo '001 master any key' >/var/ossec/etc/client.keys
unit $lib/wazuh-agent.service 'keys=/var/ossec/etc/client.keys; if grep -q master $keys; then habit agent; \
    else echo $(hostname) $(cat /etc/machine-id) >$keys; fi; exec sleep infinity'
timer $lib/certbot certbot
unit $lib/club-cache.service 'test ! -e /var/lib/club/club.lock || habit lock; exec sleep infinity'
systemctl enable --quiet club-news.timer club-queue-worker atd postfix wazuh-agent certbot.timer club-cache
