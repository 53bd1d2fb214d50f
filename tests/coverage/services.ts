// SPDX-License-Identifier: MIT
/** Services that no other test runs. @module */
import type { DebianService } from "../e2e/debian/services.ts";
import { sh } from "../e2e/debian/program.ts";

export const MORE_SERVICES: readonly DebianService[] = [
  {
    name: "MariaDB",
    needs: ["/usr/sbin/mariadbd", "mariadb-install-db", "mariadb"],
    program: "mariadbd",
    port: 3306,
    start: sh`install -d -o mysql -g mysql /run/mysqld
install -o mysql -m 600 $KEY /run/mysqld/key.pem
mariadb-install-db --user=mysql --datadir=/run/mysqld/data --skip-test-db >/dev/null 2>&1
mariadbd --user=mysql --datadir=/run/mysqld/data --socket=/run/mysqld/socket --bind-address=127.0.0.1 --skip-grant-tables \
  --ssl-cert=$CERTIFICATE --ssl-key=/run/mysqld/key.pem &`,
    client: ["mariadb", "-h", "127.0.0.1", "-u", "root", "--ssl", "-Ne", "select concat('clear', 'text')"],
    says: { toServer: /select concat\('clear', 'text'\)/, toClient: /cleartext/ },
  },
];
