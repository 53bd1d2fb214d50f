/* SPDX-License-Identifier: MIT */
/* deaf PATH: listens there with a queue for one and never accepts, until its standard input ends. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte;
    if (count < 2)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", arguments[1]);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 0) != 0)
        return 1;
    while (read(0, &byte, 1) > 0)
        ;
    return 0;
}
