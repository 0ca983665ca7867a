/* tests/unit/test-block-uring.c - raw images on the io_uring engine. */
#include "tests/unit/block-rig.h"

static bool
cases_open(BlockRig *rig, BlockSpec spec)
{
    if (!rig_open(rig, spec))
        return false;
    if (rig->block->uring != NULL)
        return true;
    cu_skip("this kernel or build has no io_uring");
    block_close(rig->block);
    rig->block = NULL;
    return false;
}

#include "tests/unit/block-cases.h"

static void
test_use_pool(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.use_pool = true}));
    CU_ASSERT_PTR_NULL(rig.block->uring);
    rig_done_all(&rig);
}

CU_MAIN("block-uring", BLOCK_CASES,
        {"pool_is_used_when_asked_for", test_use_pool})
