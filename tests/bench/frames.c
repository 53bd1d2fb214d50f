/* SPDX-License-Identifier: MIT */
/* frames INTERFACE COUNT: sends so many frames of 1,514 bytes with TLS application data, and prints the nanoseconds of CPU time that each
 * took. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define WARM_UP 20000

/* Ethernet, IPv4 and TCP headers, then the record's. */
static const unsigned char HEAD[] = {
    255, 255, 255, 255, 255, 255, 10,  0,   0, 0, 0, 1, 8,    0,                                       /* for everybody */
    0x45, 0,   0x05, 0xdc, 0,  0, 0x40, 0,  64, 6, 0, 0, 192, 0,   2, 1,   198, 51,   100, 7,          /* 192.0.2.1 to 198.51.100.7 */
    0x9c, 0x40, 1,  0xbb, 0,   0, 0,   0,   0, 0, 0, 0, 0x50, 0x18, 255, 255, 0,  0,   0,  0, 0x17, 3, 3, 0x40, 0,
};

static void send_frames(int fd, long count)
{
    static unsigned char frame[1514];
    memcpy(frame, HEAD, sizeof HEAD);
    for (long sent = 0; sent < count; sent++)
        if (send(fd, frame, sizeof frame, 0) != sizeof frame)
            exit(1);
}

static long long cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    long count = atol(argv[2]);
    struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (bind(fd, (struct sockaddr *)&link, sizeof link) != 0)
        return 1;
    send_frames(fd, WARM_UP);
    long long before = cpu_ns();
    send_frames(fd, count);
    printf("%.1f\n", (double)(cpu_ns() - before) / (double)count);
    return 0;
}
