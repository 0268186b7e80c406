//! The Docker host on a real engine, one trial per test. They are ignored if no engine responds, unless
//! `REHEARSE_REQUIRE_DOCKER=1` is set.

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
mod logs;
mod meaning;
#[path = "../support/memory.rs"]
mod memory;
mod mutations;
mod networks;
mod planted;
mod registry;
mod removal;
mod rig;
mod ruled;
mod secrets;
mod services;
mod sessions;
mod structure;
mod tables;
mod volumes;
mod writes;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use rehearse::docker::Client;

use commands::*;
use contained::*;
use copies::*;
use images::*;
use interferences::*;
use logs::*;
use meaning::*;
use mutations::*;
use networks::*;
use registry::*;
use removal::*;
use rig::*;
use secrets::*;
use services::*;
use sessions::*;
use structure::*;
use tables::*;
use volumes::*;
use writes::*;

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
        a_command_gets_user_env_and_workdir_and_returns_its_code,
        a_command_reads_its_input_to_the_end,
        a_command_may_ignore_its_input,
        copies_stream_through_a_created_container_in_flat_memory,
        an_archive_keeps_its_owners_and_may_be_compressed,
        a_missing_file_or_folder_is_distinguished_from_a_failure,
        planted_changes_of_files_are_found,
        harmless_changes_of_files_are_not_found,
        a_reading_that_is_given_up_leaves_nothing,
        a_service_is_reached_by_its_aliases,
        the_output_and_code_of_a_one_off_are_returned_and_it_is_removed,
        two_concurrent_runs_are_isolated,
        a_log_is_complete_even_if_the_container_exits_at_once,
        logs_written_includes_an_unfinished_last_line,
        the_log_of_a_restarted_service_continues_without_repetition,
        a_service_that_ignores_the_signal_is_stopped_all_the_same,
        a_service_that_is_applied_again_is_replaced_and_keeps_its_volumes,
        a_published_port_is_reachable,
        a_run_in_a_container_with_the_engines_socket_reaches_what_it_starts,
        a_service_goes_through_its_states,
        closing_one_deployment_leaves_the_other,
        teardown_leaves_nothing,
        a_creation_that_was_dropped_leaves_nothing_after_teardown,
        a_sweep_removes_dead_runs_and_spares_live_ones,
        what_was_kept_is_spared_until_its_lease_ends_or_somebody_takes_it,
        an_image_is_built_once_and_found_again,
        a_failed_build_reports_its_last_output,
        an_unobtainable_image_is_explained_with_what_is_offered,
        an_image_of_another_release_is_rejected,
        a_pull_is_tried_again_after_a_server_error,
        a_pull_limit_is_reported,
        a_private_registry_gets_the_login_of_the_docker_client,
        a_check_up_reports_the_engine_and_its_free_space,
        interference_with_containers_and_networks_is_noticed,
        the_killer_of_a_container_is_known_once_a_command_in_it_has_ended,
        foreign_commands_are_reported_and_health_checks_are_not,
        our_own_actions_and_normal_exits_are_not_interference,
        a_process_killed_for_lack_of_memory_is_recognised,
        a_command_that_is_given_up_is_ended_with_everything_it_started,
        none_of_fifty_planted_secrets_is_written_anywhere,
        repeated_queries_share_one_client_of_postgresql,
        repeated_queries_share_one_client_of_mariadb,
        a_failed_statement_of_ours_does_not_count_as_the_products,
        texts_of_postgresql_are_compared_by_what_they_mean,
        texts_of_mariadb_are_compared_by_what_they_mean,
        a_refusal_is_recognised_by_its_code_in_german_too,
        planted_changes_of_postgresql_are_found,
        rules_on_tables_of_postgresql_allow_what_they_say_and_no_more,
        planted_changes_of_mariadb_are_found,
        changes_beside_the_tables_of_postgresql_are_found,
        changes_beside_the_tables_of_mariadb_are_found,
        every_mutation_of_postgresql_is_noticed,
        every_mutation_of_mariadb_is_noticed,
        rules_on_tables_of_mariadb_allow_what_they_say_and_no_more,
        a_probe_writes_the_rows_of_postgresql_that_it_says_and_no_others,
        a_probe_writes_the_rows_of_mariadb_that_it_says_and_no_others,
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}
