// SPDX-License-Identifier: MIT
/** Programs that are clients or servers, or have to do with keys. @module */
import { fileURLToPath } from "node:url";
import { type DebianProgram, HTTPS, NOT_TLS, REFUSED, REQUEST, sh } from "./program.ts";

/** What OpenSSL's programs print before an error: the number of the thread. */
const THREAD = /^[0-9A-F]+(?=:error:)/gm;

const ERROR_QUEUE = fileURLToPath(new URL("../programs/error_queue.c", import.meta.url));

const KEYS: readonly DebianProgram[] = [
  {
    name: "a program that prints OpenSSL's error queue after each call",
    needs: ["cc"],
    script: sh`cc -o p ${ERROR_QUEUE} -lssl -lcrypto && ./p $CERTIFICATE $KEY`,
  },
  {
    name: "openssl, keys and digests",
    needs: ["openssl"],
    script: sh`echo x | openssl dgst -sha256; openssl verify -CAfile $CERTIFICATE $CERTIFICATE
      echo x | openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -S 0102030405060708 | sha256sum; openssl pkey -in $KEY -check -noout
      openssl speed -elapsed nosuch; openssl x509 -in $KEY`,
    status: 1,
    volatile: THREAD,
  },
  {
    name: "gpg",
    needs: ["gpg"],
    script: sh`export GNUPGHOME=$PWD/g; mkdir -m700 g; echo x >f
      gpg --batch -q --pinentry-mode loopback --passphrase '' --quick-generate-key somebody ed25519 sign never 2>/dev/null
      gpg --batch -q -o f.sig --detach-sign f && gpg --batch -q --verify f.sig f 2>/dev/null && echo good
      echo y >f; gpg --batch -q --verify f.sig f 2>&1 | grep -o 'BAD signature'; gpgconf --kill all; gpg --batch -q -d nosuch`,
    status: 2,
  },
  {
    name: "ssh-keygen",
    needs: ["ssh-keygen"],
    script: sh`ssh-keygen -q -t ed25519 -N '' -f k && ssh-keygen -y -f k | cut -c1-30; echo x >f
      ssh-keygen -q -Y sign -n file -f k f && ssh-keygen -Y check-novalidate -n file -s f.sig <f | cut -d' ' -f1-3
      ssh-keygen -l -f nosuch`,
    status: 255,
  },
];

const CLIENTS: readonly DebianProgram[] = [
  {
    name: "openssl s_client",
    needs: ["openssl"],
    script:
      sh`${REQUEST} | openssl s_client -quiet -ign_eof -CAfile $CERTIFICATE -connect localhost:$TLS_PORT | sha256sum
      openssl s_client -connect localhost:$PLAIN_PORT </dev/null; openssl s_client -connect localhost:$CLOSED_PORT </dev/null`,
    status: 1,
    volatile: THREAD,
  },
  {
    name: "curl",
    needs: ["curl"],
    script:
      sh`curl -sS --cacert $CERTIFICATE ${HTTPS} | sha256sum; curl -sSo o ${HTTPS}; curl -sSk ${NOT_TLS}; curl -sS ${REFUSED}`,
    status: 7,
    volatile: /after \d+ ms/g,
  },
  {
    name: "curl, four at a time",
    needs: ["curl"],
    script:
      sh`curl -sSZ --no-progress-meter --cacert $CERTIFICATE ${HTTPS} ${HTTPS} ${HTTPS} ${HTTPS} | wc -c`,
  },
  {
    name: "wget, which has GnuTLS",
    needs: ["wget"],
    script: sh`wget -q --ca-certificate=$CERTIFICATE -O f ${HTTPS}; sha256sum f
      wget -nv --no-check-certificate -t1 -O g ${NOT_TLS}; wget -nv -t1 ${REFUSED}`,
    status: 4,
  },
  {
    name: "lftp, which has GnuTLS",
    needs: ["lftp"],
    script: sh`lftp -c 'set ssl:verify-certificate no; set net:max-retries 1; cat '${HTTPS} | sha256sum
      lftp -c 'set net:max-retries 1; open ftp://localhost:'$CLOSED_PORT'; ls'`,
    status: 1,
  },
  {
    name: "git",
    needs: ["git"],
    script: sh`export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
      git config --global user.name n; git config --global user.email n@example.org; git config --global init.defaultBranch main
      git init -q r && cd r && echo a >a && git add a && git commit -qm one && git log --format=%H && git clone -q . ../s
      git -C ../s fsck; git gc -q; git -c http.sslVerify=false ls-remote https://localhost:$TLS_PORT/nosuch
      git ls-remote ${NOT_TLS}nosuch`,
    status: 128,
  },
  {
    name: "socat",
    needs: ["socat"],
    script: sh`socat -u EXEC:'echo child' -; echo x | socat -t9 - EXEC:cat
      ${REQUEST} | socat -t9 - OPENSSL:localhost:$TLS_PORT,cafile=$CERTIFICATE | sha256sum
      echo | socat - OPENSSL:localhost:$PLAIN_PORT,verify=0`,
    status: 1,
    volatile: /^\S+ \S+ socat\[\d+\]/gm,
  },
  {
    name: "ssh",
    needs: ["ssh"],
    script:
      sh`ssh -F none -G localhost | sha256sum; ssh -F none -o BatchMode=yes -p $PLAIN_PORT localhost true`,
    status: 255,
  },
  {
    name: "psql",
    needs: ["psql"],
    script:
      sh`psql 'host=localhost port='$PLAIN_PORT' sslmode=require' -c 'select 1'; psql -h localhost -p $CLOSED_PORT`,
    status: 2,
  },
];

const SERVERS: readonly DebianProgram[] = [
  {
    name: "nginx",
    needs: ["/usr/sbin/nginx"],
    script: sh`cat >c <<END
pid p; error_log stderr; events {}
http { access_log off; server { listen unix:$PWD/s ssl; ssl_certificate $CERTIFICATE; ssl_certificate_key $KEY; } }
END
      /usr/sbin/nginx -p $PWD -c c -t; echo rubbish >>c; /usr/sbin/nginx -p $PWD -c c -t`,
    status: 1,
    volatile: /^\d{4}.*\d+#\d+/gm,
  },
  {
    name: "apache2",
    needs: ["/usr/sbin/apache2"],
    script: sh`cat >c <<END
ServerRoot $PWD
ServerName localhost
Listen 127.0.0.1:1
ErrorLog log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
SSLEngine on
SSLCertificateFile $CERTIFICATE
SSLCertificateKeyFile $KEY
END
      /usr/sbin/apache2 -f $PWD/c -t; sed -i 's/^SSLEngine.*/Rubbish/' c; /usr/sbin/apache2 -f $PWD/c -t`,
    status: 1,
  },
  {
    name: "redis-server, redis-cli",
    needs: ["redis-server", "redis-cli"],
    script:
      sh`redis-server --port 0 --unixsocket $PWD/s --daemonize yes --save '' --logfile $PWD/log --pidfile $PWD/p
      until redis-cli -s s ping 2>/dev/null; do :; done; redis-cli -s s eval 'return redis.sha1hex("x")' 0
      redis-cli -s s shutdown nosave; redis-cli -h localhost -p $PLAIN_PORT --tls --insecure ping`,
    status: 1,
  },
  {
    name: "PostgreSQL's initdb, and postgres --single",
    needs: ["/usr/lib/postgresql/15/bin/initdb", "setpriv"],
    script:
      sh`chmod 777 .; pg() { setpriv --reuid postgres --regid postgres --clear-groups /usr/lib/postgresql/15/bin/"$@"; }
      pg initdb -D d --no-sync --no-instructions --locale=C.UTF-8 -E UTF8
      echo 'select sum(x) from generate_series(1, 10) x' | pg postgres --single -D d postgres; pg pg_ctl -D d status`,
    status: 3,
    volatile: /^\d{4}-.* LOG: +checkpoint .*/gm,
  },
  {
    name: "PostgreSQL's starter",
    needs: ["pg_ctlcluster", "pg_lsclusters"],
    script: sh`pg_lsclusters -h nosuch; pg_ctlcluster 15 nosuch start`,
    status: 1,
  },
  {
    name: "Postfix",
    needs: ["/usr/sbin/postconf", "/usr/sbin/postfix", "/usr/sbin/postmap"],
    script:
      sh`cp -r /etc/postfix c; postconf -c c -e queue_directory=$PWD/q data_directory=$PWD/d; postconf -c c mail_owner
      echo 'a b' >m; postmap -c c hash:m && postmap -c c -q a hash:m; mkdir q; postfix -c $PWD/c status`,
    status: 1,
    volatile: /\[\d+\]/g,
  },
  {
    name: "dovecot",
    needs: ["doveconf", "doveadm", "dovecot"],
    script: sh`printf 'ssl = required\nssl_cert = <%s\nssl_key = <nosuch\n' $CERTIFICATE >c
      doveconf -c c -h ssl; doveadm -c c pw -s SHA1 -p x; dovecot -c $PWD/c -F`,
    status: 89,
  },
  {
    name: "vsftpd",
    needs: ["vsftpd"],
    script:
      sh`printf 'listen=YES\nlisten_port=1\nrsa_cert_file=/nosuch\nssl_enable=YES\nsecure_chroot_dir=%s\n' $PWD >c
      vsftpd c; echo rubbish >c; vsftpd c`,
    status: 2,
  },
];

export const NETWORK: readonly DebianProgram[] = [...KEYS, ...CLIENTS, ...SERVERS];
