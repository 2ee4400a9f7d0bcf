/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The symbol tables that scripts/kallsyms.c writes: for each symbol, in the order of addresses, a compressed
 * name (its length, one byte or from 6.1 on two, then that many tokens, the first character being the type)
 * and a 32-bit offset. Offsets are from a base; on kernels with absolute per-CPU symbols (up to 6.14) those
 * that are not negative are addresses themselves, and negative ones count from base - 1 downwards. Which of
 * both holds is seen at _stext, whose address VMCOREINFO tells too. */
#include <errno.h>

#include "kmem.h"
#include "macros.h"

#define SYMBOLS_MAX (1U << 22)
#define TOKENS 256
#define TOKEN_TABLE_MAX 65536U
#define NAME_TOKENS_MAX 1023U /* more than KSYM_NAME_LEN */
#define LONG_LENGTH 0x80U
#define NOT_FOUND UINT32_MAX

struct tables {
        const uint8_t *names; /* in the kernel's memory: it may change under the reader */
        uint64_t names_room;
        uint32_t count;
        uint16_t index[TOKENS];
        char tokens[TOKEN_TABLE_MAX + 1];
        uint8_t first[TOKENS]; /* first character of each token */
};

/* A wanted name. */
struct wanted {
        const char *name;
        size_t length;
        uint32_t index; /* of the symbol, NOT_FOUND */
};

/* As much as there is of `size` bytes at a symbol. */
static int read_some(const struct mpart_kmem *k, uint64_t virtual, void *to, uint64_t size)
{
        uint64_t physical, room;
        const uint8_t *from = NULL;
        if (mpart_kmem_translate(k, virtual, &physical, &room) == 0)
                from = mpart_kmem_at(k, physical, &room);
        if (!from)
                return -EFAULT;
        memcpy(to, from, MIN(size, room));
        return 0;
}

static int read_tables(const struct mpart_kmem *k, struct tables *t)
{
        const struct mpart_vmcoreinfo *i = &k->info;
        uint64_t physical, room;
        if (mpart_kmem_read(k, i->symbols.count, &t->count, sizeof(t->count)) < 0 ||
                        t->count > SYMBOLS_MAX ||
                        mpart_kmem_read(k, i->symbols.token_index, t->index, sizeof(t->index)) < 0 ||
                        read_some(k, i->symbols.token_table, t->tokens, TOKEN_TABLE_MAX) < 0 ||
                        mpart_kmem_translate(k, i->symbols.names, &physical, &room) < 0)
                return -EBADMSG;
        t->names = mpart_kmem_at(k, physical, &t->names_room);
        for (size_t n = 0; n < TOKENS; n++)
                t->first[n] = (uint8_t)t->tokens[t->index[n]];
        return t->names ? 0 : -EBADMSG;
}

/* Whether `n` tokens spell the name behind the type character. */
static bool spells(const struct tables *t, const uint8_t *tokens, size_t n, const struct wanted *w)
{
        size_t at = 0;
        bool type = true; /* the character to come is the type */
        for (size_t i = 0; i < n; i++) {
                const char *p = t->tokens + t->index[tokens[i]];
                for (; *p; p++) {
                        if (type)
                                type = false;
                        else if (at >= w->length || w->name[at++] != *p)
                                return false;
                }
        }
        return at == w->length;
}

/* A cheap no: the second character of most symbols is in the first token or begins the second one. */
static bool may_spell(const struct tables *t, const uint8_t *tokens, size_t n, const uint8_t *wanted_first)
{
        const char *token = t->tokens + t->index[tokens[0]];
        uint8_t c = token[0] && token[1] ? (uint8_t)token[1] : n > 1 ? t->first[tokens[1]] : 0;
        return wanted_first[c] || c == 0;
}

/* The length of the name at `at`, and where its tokens begin; false: the end of what makes sense. */
static bool next_name(const struct tables *t, uint64_t *at, size_t *ret_n)
{
        if (*at >= t->names_room)
                return false;
        const volatile uint8_t *names = t->names; /* each byte is read once: it is checked, then used */
        size_t n = names[(*at)++];
        if (n & LONG_LENGTH) {
                if (*at >= t->names_room)
                        return false;
                n = (n & ~(size_t)LONG_LENGTH) | (size_t)names[(*at)++] << 7;
        }
        if (n == 0 || n > NAME_TOKENS_MAX || n > t->names_room - *at)
                return false;
        *ret_n = n;
        return true;
}

static int find_indices(const struct tables *t, struct wanted *wanted, size_t n_wanted)
{
        uint8_t first[TOKENS] = { 0 };
        for (size_t i = 0; i < n_wanted; i++)
                first[(uint8_t)wanted[i].name[0]] = 1;

        uint64_t at = 0;
        size_t n, left = n_wanted;
        for (uint32_t symbol = 0; symbol < t->count && left > 0; symbol++, at += n) {
                if (!next_name(t, &at, &n))
                        return -EBADMSG;
                const uint8_t *tokens = t->names + at;
                if (!may_spell(t, tokens, n, first))
                        continue;
                for (size_t i = 0; i < n_wanted; i++)
                        if (wanted[i].index == NOT_FOUND && spells(t, tokens, n, &wanted[i])) {
                                wanted[i].index = symbol;
                                left--;
                        }
        }
        return 0;
}

static uint64_t address_of(int32_t offset, uint64_t base, bool absolute_percpu)
{
        if (!absolute_percpu)
                return base + (uint32_t)offset;
        return offset >= 0 ? (uint64_t)offset : base - 1 - (uint64_t)(int64_t)offset;
}

static int read_offset(const struct mpart_kmem *k, uint32_t index, int32_t *ret)
{
        uint64_t at = k->info.symbols.offsets + (uint64_t)index * sizeof(*ret);
        return mpart_kmem_read(k, at, ret, sizeof(*ret));
}

/* Addresses of what was found; `stext` is the index of that symbol. */
static int resolve(const struct mpart_kmem *k, uint32_t stext, const struct wanted *wanted, size_t n,
                uint64_t *ret)
{
        uint64_t base;
        int32_t offset;
        if (stext == NOT_FOUND || read_offset(k, stext, &offset) < 0 ||
                        mpart_kmem_read(k, k->info.symbols.relative_base, &base, sizeof(base)) < 0)
                return -EBADMSG;
        bool absolute_percpu = address_of(offset, base, true) == k->info.stext;
        if (address_of(offset, base, absolute_percpu) != k->info.stext)
                return -EBADMSG;

        int found = 0;
        for (size_t i = 0; i < n; i++) {
                ret[i] = 0;
                if (wanted[i].index == NOT_FOUND)
                        continue;
                if (read_offset(k, wanted[i].index, &offset) < 0)
                        return -EBADMSG;
                ret[i] = address_of(offset, base, absolute_percpu);
                found++;
        }
        return found;
}

static int find(const struct mpart_kmem *k, struct tables *t, const char *const *names, size_t n,
                struct wanted *wanted, uint64_t *ret)
{
        for (size_t i = 0; i <= n; i++) {
                const char *name = i < n ? names[i] : "_stext";
                wanted[i] = (struct wanted){ name, strlen(name), NOT_FOUND };
        }
        int r = read_tables(k, t);
        if (r == 0)
                r = find_indices(t, wanted, n + 1);
        return r < 0 ? r : resolve(k, wanted[n].index, wanted, n, ret);
}

int mpart_kallsyms_find(const struct mpart_kmem *k, const char *const *names, size_t n, uint64_t *ret,
                struct mpart_error *e)
{
        if (!k->info.has_symbols)
                return mpart_error_set(e, -EOPNOTSUPP,
                                "kernel %s does not tell where its symbols are (6.0 and later do)",
                                k->info.release);
        _cleanup_free_ struct tables *t = calloc(1, sizeof(*t));
        _cleanup_free_ struct wanted *wanted = calloc(n + 1, sizeof(*wanted));
        _cleanup_free_ uint64_t *found = calloc(n + 1, sizeof(*found));
        if (!t || !wanted || !found)
                return -ENOMEM;
        int r = find(k, t, names, n, wanted, found);
        if (r < 0)
                return mpart_error_set(
                                e, r, "the symbol tables of kernel %s make no sense", k->info.release);
        if (n)
                memcpy(ret, found, n * sizeof(*ret));
        return r;
}
