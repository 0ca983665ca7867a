/* app/verbs/run.h - the functions behind the rows of app/verbs.c. Each is in
 * the file of its verb and returns an ExitCode. */
#pragma once

#include "app/app.h"

/* machines on disk */
int verb_advise(App *app, int argc, char **argv);
int verb_check(App *app, int argc, char **argv);
int verb_clone(App *app, int argc, char **argv);
int verb_disk(App *app, int argc, char **argv);
int verb_delete(App *app, int argc, char **argv);
int verb_edit(App *app, int argc, char **argv);
int verb_get(App *app, int argc, char **argv);
int verb_new(App *app, int argc, char **argv);
int verb_protect(App *app, int argc, char **argv);
int verb_rename(App *app, int argc, char **argv);
int verb_set(App *app, int argc, char **argv);
int verb_show(App *app, int argc, char **argv);
int verb_template(App *app, int argc, char **argv);
int verb_templates(App *app, int argc, char **argv);
int verb_trash(App *app, int argc, char **argv);

/* the program */
int verb_bench(App *app, int argc, char **argv);
int verb_bench_boot(App *app, int argc, char **argv);
int verb_complete(App *app, int argc, char **argv);
int verb_completion(App *app, int argc, char **argv);
int verb_doctor(App *app, int argc, char **argv);
int verb_help(App *app, int argc, char **argv);
int verb_helper(App *app, int argc, char **argv);
int verb_info(App *app, int argc, char **argv);
int verb_keys(App *app, int argc, char **argv);
int verb_passthrough(App *app, int argc, char **argv);
int verb_schema_man(App *app, int argc, char **argv);
int verb_version(App *app, int argc, char **argv);

/* running machines */
int verb_attach(App *app, int argc, char **argv);
int verb_console(App *app, int argc, char **argv);
int verb_demo(App *app, int argc, char **argv);
int verb_detach(App *app, int argc, char **argv);
int verb_events(App *app, int argc, char **argv);
int verb_expect(App *app, int argc, char **argv);
int verb_list(App *app, int argc, char **argv);
int verb_logs(App *app, int argc, char **argv);
int verb_machine(App *app, int argc, char **argv);
int verb_media(App *app, int argc, char **argv);
int verb_memory(App *app, int argc, char **argv);
int verb_speed(App *app, int argc, char **argv);
int verb_net(App *app, int argc, char **argv);
int verb_net_role(App *app, int argc, char **argv);
int verb_pause(App *app, int argc, char **argv);
int verb_reset(App *app, int argc, char **argv);
int verb_restart(App *app, int argc, char **argv);
int verb_resume(App *app, int argc, char **argv);
int verb_wake(App *app, int argc, char **argv);
int verb_run(App *app, int argc, char **argv);
int verb_screenshot(App *app, int argc, char **argv);
int verb_send(App *app, int argc, char **argv);
int verb_start(App *app, int argc, char **argv);
int verb_status(App *app, int argc, char **argv);
int verb_stop(App *app, int argc, char **argv);
int verb_switch_role(App *app, int argc, char **argv);
int verb_usb(App *app, int argc, char **argv);
int verb_usb_role(App *app, int argc, char **argv);
int verb_view(App *app, int argc, char **argv);
int verb_wait(App *app, int argc, char **argv);
