/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdarg.h>

#include "svg.h"

/* Okabe and Ito, "Color Universal Design": colours that the colour-blind tell apart, black and grey left
 * out. */
static const char *const colors[] = { "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00",
        "#cc79a7" };

/* Over the colour, so that print without colours tells kernels apart too; their number has no divisor in
 * common with that of the colours. Paths in a square of 80. */
static const char *const marks[] = { "", "M0 80L80 0M-20 20L20 -20M60 100L100 60", "M0 40H80", "M40 0V80",
        "M0 0L80 80M-20 60L20 100M60 -20L100 20" };

#define N_FILLS (ARRAY_SIZE(colors) * ARRAY_SIZE(marks))

static void put_text(FILE *f, const char *text)
{
        for (; *text; text++)
                switch (*text) {
                case '&':
                        fputs("&amp;", f);
                        break;
                case '<':
                        fputs("&lt;", f);
                        break;
                case '>':
                        fputs("&gt;", f);
                        break;
                default:
                        putc((unsigned char)*text < ' ' ? '?' : *text, f);
                }
}

void svg_definitions(struct svg *s)
{
        fputs("<style>text{font-family:sans-serif;font-size:110px;fill:#000}"
              ".title{font-size:170px;font-weight:bold}.label{font-weight:bold}.small{font-size:90px}"
              ".middle{text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:30px;stroke-linejoin:round}"
              ".end{font-size:90px;text-anchor:end}"
              "rect{stroke:#000;stroke-width:5px}.mark{stroke:#000;stroke-opacity:.45;stroke-width:7px;fill:none}"
              "</style>\n<defs>\n",
                        s->f);
        fputs("<pattern id=\"nobody\" width=\"60\" height=\"60\" patternUnits=\"userSpaceOnUse\">"
              "<path d=\"M0 0H60V60H0Z\" fill=\"#fff\"/><path class=\"mark\" d=\"M0 0L60 60M60 0L0 60\"/></pattern>\n",
                        s->f);
        for (size_t i = 0; i < MIN(N_FILLS, s->plan->n_kernels - 1); i++)
                fprintf(s->f,
                                "<pattern id=\"k%zu\" width=\"80\" height=\"80\" patternUnits=\"userSpaceOnUse\">"
                                "<path d=\"M0 0H80V80H0Z\" fill=\"%s\"/><path class=\"mark\" d=\"%s\"/></pattern>\n",
                                i, colors[i % ARRAY_SIZE(colors)], marks[i % ARRAY_SIZE(marks)]);
        fputs("</defs>\n", s->f);
}

void svg_box(struct svg *s, unsigned x, unsigned y, unsigned width, unsigned height, size_t kernel,
                const char *title, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list args;
        va_start(args, title);
        if (vasprintf(&text, title, args) < 0)
                text = NULL;
        va_end(args);
        fprintf(s->f, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" ", x, y, width, height);
        if (kernel == SVG_NOBODY)
                fputs("fill=\"url(#nobody)\">", s->f);
        else if (kernel == 0) /* the primary: grey, which no secondary has */
                fputs("fill=\"#cccccc\">", s->f);
        else
                fprintf(s->f, "fill=\"url(#k%zu)\">", (kernel - 1) % N_FILLS);
        fputs("<title>", s->f);
        put_text(s->f, text ? text : "");
        fputs("</title></rect>\n", s->f);
}

void svg_text(struct svg *s, unsigned x, unsigned y, const char *style, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list args;
        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                text = NULL;
        va_end(args);
        fprintf(s->f, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, style);
        put_text(s->f, text ? text : "");
        fputs("</text>\n", s->f);
}

struct svg_size svg_size(uint64_t bytes)
{
        static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
        struct svg_size size;
        size_t unit = 0;
        while (unit + 1 < ARRAY_SIZE(units) && bytes >> (10 * (unit + 2)) > 0)
                unit++;
        uint64_t one = UINT64_C(1) << (10 * (unit + 1));
        unsigned tenths = (unsigned)((bytes % one) * 10 / one);
        snprintf(size.text, sizeof(size.text), tenths ? "%" PRIu64 ".%u %s" : "%" PRIu64 "%.0u %s",
                        bytes / one, tenths, units[unit]);
        return size;
}
