//! Commands with their placeholders filled in.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::product::ExecStep;
use crate::vocabulary::template::TemplateError;

/// A command as it is to be executed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// User, by name or number; the service's own when not given.
    pub user: Option<String>,
    /// Variables beside those of the service.
    pub env: BTreeMap<String, String>,
    /// Working directory; the service's own when not given.
    pub workdir: Option<String>,
}

impl CommandSpec {
    /// The command of a step.
    ///
    /// # Errors
    /// When a placeholder has no value in `values`.
    pub fn of(step: &ExecStep, values: &Value) -> Result<Self, TemplateError> {
        let env = step.env.iter().map(|(key, value)| Ok((key.clone(), value.render(values)?)));
        Ok(Self {
            argv: step.command.argv(values)?,
            user: step.user.clone(),
            env: env.collect::<Result<_, TemplateError>>()?,
            workdir: step.workdir.as_ref().map(ToString::to_string),
        })
    }
}

/// A command as people read it: a line for a shell without the shell, other words as they are.
pub fn command_line(argv: &[String]) -> String {
    match argv {
        [shell, flags, line] if shell == "sh" && flags == "-ec" => line.clone(),
        words => words.join(" "),
    }
}
