//! Finds the secrets of a case: by the names of settings and variables, and in the files that the product file lists.

use std::collections::BTreeMap;

use rehearse_core::model::product::{env_file, unquoted};
use rehearse_core::secret::{Redactor, Secret, TooPlain, names_a_secret};

use crate::backup::beginning;
use crate::load::Loaded;

/// At most this much of a file is searched for secrets.
const MAX_FILE: u64 = 4 << 20;

/// A redactor that knows the secrets of a case, and the secrets that are too plain to be redacted. Files of the backup that
/// cannot be read are ignored here: verifying the backup reports them.
pub fn redactor(loaded: &Loaded) -> (Redactor, Vec<TooPlain>) {
    let (product, scenario) = (&loaded.product, &loaded.scenario);
    let settings = rehearse_core::deployment::settings(product, scenario);
    let listed = |name: &str| product.secrets.settings.iter().any(|known| known == name);
    let mut secrets: Vec<Secret> = settings
        .iter()
        .filter(|(name, _)| names_a_secret(name) || listed(name))
        .map(|(name, value)| Secret::new(format!("settings.{name}"), value))
        .collect();
    secrets.extend(settings.iter().filter_map(|(name, value)| in_address(&format!("settings.{name}"), value)));
    for (service, spec) in rehearse_core::deployment::services(product, scenario) {
        let mut variables: BTreeMap<String, String> =
            spec.env.iter().map(|(name, value)| (name.clone(), value.text().to_owned())).collect();
        if let Some(text) = spec.env_file.as_ref().and_then(|file| read(loaded, file)) {
            // Without its quotes, a value is found in texts with and without them.
            let unquote = |(name, value): (&str, &str)| (name.to_owned(), unquoted(value).unwrap_or(value).to_owned());
            variables.extend(env_file(&text).flatten().map(unquote));
        }
        // Values that are filled in from a setting are known through the setting.
        for (name, value) in variables.iter().filter(|(_, value)| !value.contains("{{")) {
            let label = format!("{name} of {service}");
            secrets.extend(names_a_secret(name).then(|| Secret::new(&label, value)));
            secrets.extend(in_address(&label, value));
        }
    }
    let proxies = ["http_proxy", "https_proxy", "all_proxy"].map(|name| [name.to_owned(), name.to_uppercase()]);
    for name in proxies.into_iter().flatten() {
        secrets.extend(std::env::var(&name).ok().and_then(|value| in_address(&name, &value)));
    }
    for (name, database) in &product.databases {
        let password = database.password.as_ref().map(|password| password.text());
        let password = password.filter(|password| !password.contains("{{"));
        secrets.extend(password.map(|password| Secret::new(format!("password of database {name}"), password)));
    }
    for file in &product.secrets.files {
        let text = read(loaded, &file.file).unwrap_or_default();
        for found in file.pattern.regex().captures_iter(&text) {
            let value = found.get(1).or_else(|| found.get(0)).map_or("", |value| value.as_str());
            secrets.push(Secret::new(&file.file, value));
        }
    }
    let names: Vec<&str> = [product.product.as_str(), "postgres", "root", "admin", "administrator", "localhost"]
        .into_iter()
        .chain(product.databases.keys().map(String::as_str))
        .chain(product.databases.values().flat_map(|database| [database.name.text(), database.user.text()]))
        .chain(product.services.keys().map(String::as_str))
        .collect();
    let redactor = Redactor::default();
    let plain = redactor.learn(secrets, &names);
    (redactor, plain)
}

/// The password of an address such as `postgres://user:password@host/name`.
fn in_address(label: &str, value: &str) -> Option<Secret> {
    let (_, rest) = value.split_once("://")?;
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    Some(Secret::new(format!("the password in {label}"), password))
}

fn read(loaded: &Loaded, file: &str) -> Option<String> {
    beginning(&loaded.backup, file, MAX_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_an_address_is_found() {
        let check = |value: &str, secret: Option<&str>| {
            let found = in_address("URL", value);
            assert_eq!(found, secret.map(|secret| Secret::new("the password in URL", secret)), "{value}");
        };
        check("postgres://me:s3cret-word@db:5432/name", Some("s3cret-word"));
        check("redis://:s3cret-word@redis/0", Some("s3cret-word"));
        check("https://example.org/a@b:c", None);
        check("plain", None);
    }
}
