// SPDX-License-Identifier: MIT
/** Servers of Debian, set up and started as Debian does it, and a client for each. @module */
import { sh } from "./program.ts";

export interface DebianService {
  readonly name: string;
  /** Executables that must be installed. */
  readonly needs: readonly string[];
  /** Of the process that speaks TLS. */
  readonly program: string;
  readonly port: number;
  /**
   * For `/bin/sh`, as root in namespaces of its own with a copy of `/etc`, an empty `/run`, and `CERTIFICATE` and `KEY`. Starts the
   * server beside it.
   */
  readonly start: string;
  /** The command line of an unmirrored client in the network of the server. */
  readonly client: readonly string[];
  /** Parts of the clear text. */
  readonly says: { readonly toServer: RegExp; readonly toClient: RegExp };
}

const python = (program: string) => ["/usr/bin/python3", "-c", program];
const UNVERIFIED = "import ssl; context = ssl._create_unverified_context()";

export const SERVICES: readonly DebianService[] = [
  {
    name: "vsftpd, which confines itself in an empty root with a filter",
    needs: ["vsftpd", "/usr/bin/python3"],
    program: "vsftpd",
    port: 21,
    start: sh`mkdir -p /run/vsftpd/empty
cat >/etc/vsftpd.conf <<END
listen=YES
anonymous_enable=YES
anon_root=/run/vsftpd/empty
allow_anon_ssl=YES
ssl_enable=YES
rsa_cert_file=$CERTIFICATE
rsa_private_key_file=$KEY
secure_chroot_dir=/var/run/vsftpd/empty
END
vsftpd &`,
    client: python(`${UNVERIFIED}
import ftplib
with ftplib.FTP_TLS("127.0.0.1", context=context) as ftp: ftp.login(); ftp.pwd()`),
    says: { toServer: /USER anonymous\r\n.*PWD\r\n/s, toClient: /230 Login successful.*257 "\/"/s },
  },
  {
    name: "dovecot, whose processes have another root and an environment of their own",
    needs: ["/usr/sbin/dovecot", "/usr/lib/dovecot/imap-login", "/usr/bin/python3"],
    program: "imap-login",
    port: 993,
    start: sh`mkdir -m 777 /run/mail
cat >/etc/dovecot/dovecot.conf <<END
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <$CERTIFICATE
ssl_key = <$KEY
log_path = /dev/stderr
mail_location = maildir:/run/mail
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/run/mail
}
END
/usr/sbin/dovecot -F &`,
    client: python(`${UNVERIFIED}
import imaplib
with imaplib.IMAP4_SSL("127.0.0.1", ssl_context=context) as imap: imap.login("somebody", "secret"); imap.select()`),
    says: { toServer: /LOGIN somebody "secret"\r\n/, toClient: /OK \[.*Logged in/s },
  },
  {
    name: "Postfix, whose processes have another root and an environment of their own",
    needs: ["/usr/sbin/postfix", "/etc/init.d/postfix", "/usr/bin/python3"],
    program: "smtpd",
    port: 25,
    start:
      sh`mkdir /run/spool /run/data; cp -a /var/spool/postfix/. /run/spool; cp -a /var/lib/postfix/. /run/data
mount --bind /run/spool /var/spool/postfix; mount --bind /run/data /var/lib/postfix
postconf -e smtpd_tls_cert_file=$CERTIFICATE smtpd_tls_key_file=$KEY smtpd_tls_security_level=may
postconf -e inet_interfaces=127.0.0.1 inet_protocols=ipv4 myhostname=localhost
# Before its master runs, commands that are not root write there themselves.
install -m 666 /dev/null /run/mail.log; postconf -e maillog_file=/run/mail.log maillog_file_prefixes=/run
/etc/init.d/postfix start`,
    client: python(`${UNVERIFIED}
import smtplib
with smtplib.SMTP("127.0.0.1") as smtp: smtp.starttls(context=context); smtp.ehlo("client.example"); smtp.noop()`),
    says: { toServer: /ehlo client\.example\r\nNOOP\r\n/i, toClient: /250-PIPELINING.*250 2\.0\.0 Ok\r\n/s },
  },
  {
    name: "PostgreSQL, whose starter clears the environment",
    needs: ["pg_createcluster", "pg_ctlcluster", "psql"],
    program: "postgres",
    port: 5432,
    start: sh`rm -rf /etc/postgresql/15
for folder in /var/lib/postgresql /var/log/postgresql; do mount -t tmpfs none $folder; chown postgres:postgres $folder; done
install -d -o postgres -g postgres /run/postgresql
install -o postgres -m 600 $KEY /run/postgresql/key.pem
pg_createcluster --port 5432 15 main -- --no-sync --auth-host=trust >/dev/null
cat >>/etc/postgresql/15/main/postgresql.conf <<END
ssl = on
ssl_cert_file = '$CERTIFICATE'
ssl_key_file = '/run/postgresql/key.pem'
END
pg_ctlcluster 15 main start`,
    client: ["psql", "host=127.0.0.1 user=postgres sslmode=require", "-Atc", "select 'clear' || 'text'"],
    says: { toServer: /select 'clear' \|\| 'text'/, toClient: /cleartext/ },
  },
];
