/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the console is measured against: the same way within one kernel. A process writes to a terminal,
 * another one copies from there to a socket, a third one reads that. Prints MiB/s.
 *
 *     bench-copy MIB */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char block[16384];

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void move(int from, int to, uint64_t left)
{
        while (left > 0) {
                size_t want = left < sizeof(block) ? (size_t)left : sizeof(block);
                ssize_t n = from < 0 ? (ssize_t)want : read(from, block, want);
                if (n <= 0 || (to >= 0 && write(to, block, (size_t)n) != n))
                        _exit(1);
                left -= (uint64_t)n;
        }
}

/* The writer's end; *ret is the other one. */
static int open_terminal(int *ret)
{
        struct termios raw;
        int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
        if (master < 0 || unlockpt(master) < 0 || (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) < 0 ||
                        tcgetattr(slave, &raw) < 0)
                return -1;
        cfmakeraw(&raw);
        tcsetattr(slave, TCSANOW, &raw);
        *ret = master;
        return slave;
}

int main(int argc, char **argv)
{
        uint64_t size = argc == 2 ? strtoull(argv[1], NULL, 10) << 20 : 0;
        int master, pair[2], slave = open_terminal(&master), status = 0, failed = 0;
        if (size == 0 || slave < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
                fputs("bench-copy MIB\n", stderr);
                return 2;
        }
        memset(block, '.', sizeof(block));
        const int ways[3][2] = { { -1, slave }, { master, pair[0] }, { pair[1], -1 } };
        double start = seconds();
        for (int i = 0; i < 3; i++)
                if (fork() == 0) {
                        move(ways[i][0], ways[i][1], size);
                        _exit(0);
                }
        while (wait(&status) > 0)
                failed |= status;
        printf("%.1f\n", (double)(size >> 20) / (seconds() - start));
        return failed != 0;
}
