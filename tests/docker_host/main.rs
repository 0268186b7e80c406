//! The Docker host against a real engine. One trial each; ignored where no engine answers, unless
//! `REHEARSE_REQUIRE_DOCKER=1` says that one has to.

#[macro_use]
mod check {
    macro_rules! ensure {
        ($holds:expr, $($seen:tt)+) => {
            if !$holds {
                return Err(format!("{}: {}", stringify!($holds), format!($($seen)+)));
            }
        };
    }
}

mod commands;
mod contained;
mod copies;
mod images;
mod interferences;
#[path = "../support/memory.rs"]
mod memory;
mod networks;
mod planted;
mod registry;
mod removal;
mod rig;
mod secrets;
mod services;
mod sessions;
mod tables;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use rehearse::docker::Client;

use commands::*;
use contained::*;
use copies::*;
use images::*;
use interferences::*;
use networks::*;
use registry::*;
use removal::*;
use rig::*;
use secrets::*;
use services::*;
use sessions::*;
use tables::*;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    let runtime = Arc::new(runtime);
    let silent = runtime.block_on(Client::connect(None, |_| {})).err().map(|error| error.chain());
    let required = std::env::var("REHEARSE_REQUIRE_DOCKER").is_ok_and(|value| value == "1");

    macro_rules! trials {
        ($($test:ident),+ $(,)?) => {
            vec![$({
                let (runtime, silent) = (Arc::clone(&runtime), silent.clone());
                let ignored = silent.is_some() && !required;
                Trial::test(stringify!($test), move || {
                    if let Some(silent) = silent {
                        return Err(Failed::from(silent));
                    }
                    let limited = async { tokio::time::timeout(LIMIT, $test()).await };
                    runtime.block_on(limited).unwrap_or_else(|_| Err(format!("not done after {LIMIT:?}"))).map_err(Failed::from)
                })
                .with_ignored_flag(ignored)
            }),+]
        };
    }
    let trials = trials![
        a_command_gets_user_env_and_workdir_and_tells_its_code,
        a_command_reads_its_input_to_the_end,
        a_command_that_does_not_read_its_input_is_no_error,
        copies_stream_through_a_created_container_in_flat_memory,
        an_archive_keeps_its_owners_and_may_be_compressed,
        a_missing_file_or_folder_is_told_apart_from_a_failure,
        a_service_is_reached_by_its_aliases,
        a_one_off_is_heard_counted_and_removed,
        two_runs_at_once_do_not_meet,
        a_log_is_whole_from_the_first_line_even_of_a_container_that_dies_at_once,
        a_last_line_without_an_end_is_there_once_all_is_written,
        a_restarted_service_logs_on_without_repeating_itself,
        a_service_that_ignores_the_signal_is_stopped_all_the_same,
        a_service_that_is_applied_again_is_replaced_and_keeps_its_volumes,
        a_published_port_is_reachable,
        a_run_in_a_container_with_the_engines_socket_reaches_what_it_starts,
        a_service_goes_through_its_states,
        closing_one_deployment_leaves_the_other,
        teardown_leaves_nothing,
        a_creation_that_was_dropped_leaves_nothing_after_teardown,
        a_sweep_takes_the_dead_and_spares_the_living,
        an_image_is_built_once_and_found_again,
        a_failed_build_tells_its_last_words,
        an_unobtainable_image_says_why_and_what_is_on_offer,
        an_image_of_another_release_is_refused,
        a_registry_in_trouble_is_asked_again,
        a_registry_at_its_limit_is_named_as_that,
        a_private_registry_gets_the_login_of_the_docker_client,
        a_check_up_tells_the_engine_and_its_room,
        what_somebody_else_does_to_a_run_is_noticed,
        who_ended_a_container_is_known_as_soon_as_a_command_in_it_has_ended,
        what_somebody_runs_in_a_service_is_told_and_its_health_check_is_not,
        what_we_do_ourselves_and_what_ends_by_itself_is_no_disturbance,
        a_process_killed_for_want_of_memory_is_told_by_the_kernels_mark,
        a_command_that_is_given_up_ends_inside_with_all_it_started,
        fifty_planted_secrets_are_in_nothing_that_is_written,
        what_a_wait_asks_goes_through_one_client_of_postgresql,
        what_a_wait_asks_goes_through_one_client_of_mariadb,
        a_refusal_is_known_by_its_code_in_german_too,
        planted_changes_of_postgresql_are_found,
        rules_on_tables_of_postgresql_allow_what_they_say_and_no_more,
        planted_changes_of_mariadb_are_found,
        rules_on_tables_of_mariadb_allow_what_they_say_and_no_more,
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}
