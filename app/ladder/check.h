/* app/ladder/check.h - may a guest be given a device of another class? What is
 * known, from its past and from its disk, with reasons. Thread: any; blocks. */
#pragma once

#include "app/ladder/guest-look.h"
#include "profiles/profile.h"

typedef enum {
    CHECK_GOOD,    /* the guest has the driver */
    CHECK_UNKNOWN, /* cannot be told; a trial will */
    CHECK_BAD,     /* it has not */
    CHECK_NO_TRIAL /* there is nothing to try */
} CheckResult;

typedef struct {
    CheckResult result;
    GPtrArray *reasons; /* sentences without an end */
} LadderCheck;

/* What is on the disk that the machine starts from. *ret_why: a sentence when
 * it is NULL; g_free. */
GuestLook *ladder_look(const Profile *profile, char **ret_why);
/* Of the machine's guest for a model ("virtio-blk"): its past, then look (NULL:
 * why says why not). Never NULL. */
LadderCheck *ladder_check_model(const char *name, const Profile *profile,
                                const char *model, const GuestLook *look,
                                const char *why);
/* The same for a setting that changes from one value to another. */
LadderCheck *ladder_check(const char *name, const Profile *profile,
                          const char *key, const char *to,
                          const GuestLook *look, const char *why);
void ladder_check_free(LadderCheck *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LadderCheck, ladder_check_free)
const char *check_result_name(CheckResult result); /* "good" */
