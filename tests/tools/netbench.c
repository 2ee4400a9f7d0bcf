/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast TCP is between two places:
 *   netbench serve PORT              takes what comes and sends single bytes back, until it is killed
 *   netbench stream ADDRESS PORT MIB prints MiB/s
 *   netbench turn ADDRESS PORT COUNT prints the median and 99th percentile of COUNT round trips,
 * microseconds A connection starts with a byte that says which of the two it is. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256U << 10)
#define WARM_UP 50

static char block[BLOCK];

static void die(const char *what)
{
        perror(what);
        exit(1);
}

static double now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void no_delay(int fd)
{
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void answer(int fd)
{
        char kind;
        if (read(fd, &kind, 1) != 1)
                return;
        if (kind == 't')
                while (read(fd, block, 1) == 1 && write(fd, block, 1) == 1)
                        ;
        while (read(fd, block, sizeof(block)) > 0)
                ;
        if (kind == 's' && write(fd, "!", 1) != 1) /* all has come */
                return;
}

static int serve(uint16_t port)
{
        int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0)
                die("netbench: bind");
        signal(SIGCHLD, SIG_IGN);
        for (int peer; (peer = accept(fd, NULL, NULL)) >= 0; close(peer)) {
                if (fork() != 0)
                        continue;
                no_delay(peer);
                answer(peer);
                _exit(0);
        }
        die("netbench: accept");
        return 1;
}

static int dial(const char *address, uint16_t port)
{
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
        if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
                die(address);
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
                die("netbench: connect");
        no_delay(fd);
        return fd;
}

static int stream(int fd, unsigned mib)
{
        double start = now();
        if (write(fd, "s", 1) != 1)
                die("netbench: write");
        for (uint64_t left = (uint64_t)mib << 20; left > 0;) {
                ssize_t n = write(fd, block, left < BLOCK ? left : BLOCK);
                if (n <= 0)
                        die("netbench: write");
                left -= (uint64_t)n;
        }
        shutdown(fd, SHUT_WR);
        if (read(fd, block, 1) != 1)
                die("netbench: read");
        printf("%.1f\n", mib / (now() - start));
        return 0;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

static int turn(int fd, unsigned count)
{
        double *times = calloc(count, sizeof(*times));
        if (!times || count == 0 || write(fd, "t", 1) != 1)
                die("netbench");
        for (unsigned i = 0; i < count + WARM_UP; i++) {
                double start = now();
                if (write(fd, "x", 1) != 1 || read(fd, block, 1) != 1)
                        die("netbench: turn");
                if (i >= WARM_UP)
                        times[i - WARM_UP] = (now() - start) * 1e6;
        }
        qsort(times, count, sizeof(*times), compare);
        printf("%.1f %.1f\n", times[count / 2], times[(size_t)count * 99 / 100]);
        free(times);
        return 0;
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "serve") == 0)
                return serve((uint16_t)atoi(argv[2]));
        if (argc == 5 && strcmp(argv[1], "stream") == 0)
                return stream(dial(argv[2], (uint16_t)atoi(argv[3])), (unsigned)atoi(argv[4]));
        if (argc == 5 && strcmp(argv[1], "turn") == 0)
                return turn(dial(argv[2], (uint16_t)atoi(argv[3])), (unsigned)atoi(argv[4]));
        fputs("netbench serve PORT | stream ADDRESS PORT MIB | turn ADDRESS PORT COUNT\n", stderr);
        return 2;
}
