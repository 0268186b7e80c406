//! The names of images.

/// A name split into its parts: `rehearse/webshop:6.1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) repository: String,
    pub(crate) tag: String,
}

impl Reference {
    /// Splits a name. If it has a digest, that becomes the tag, which no recipe offers.
    pub(crate) fn of(name: &str) -> Self {
        let (repository, tag) = match name.split_once('@') {
            Some((repository, digest)) => (repository, digest),
            None => match name.rsplit_once(':') {
                // A colon before a slash belongs to a port: `mirror:5000/postgres`.
                Some((repository, tag)) if !tag.contains('/') => (repository, tag),
                _ => (name, "latest"),
            },
        };
        Self { repository: repository.to_owned(), tag: tag.to_owned() }
    }

    /// The registry in a name: its first part, if that has a dot or a port, or is `localhost`. Without one, the engine uses
    /// its default.
    pub(crate) fn registry(name: &str) -> Option<&str> {
        let (host, _) = name.split_once('/')?;
        (host.contains(['.', ':']) || host == "localhost").then_some(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_distinguished_from_a_folder() {
        assert_eq!(Reference::registry("mirror:5000/library/postgres:15"), Some("mirror:5000"));
        assert_eq!(Reference::registry("localhost/postgres"), Some("localhost"));
        assert_eq!(Reference::registry("library/postgres"), None);
        assert_eq!(Reference::registry("postgres:15"), None);
    }

    #[test]
    fn a_name_is_a_repository_and_a_tag() {
        let check = |name: &str, repository: &str, tag: &str| {
            let expected = Reference { repository: repository.into(), tag: tag.into() };
            assert_eq!(Reference::of(name), expected);
        };
        check("postgres:15", "postgres", "15");
        check("postgres", "postgres", "latest");
        check("mirror:5000/library/postgres", "mirror:5000/library/postgres", "latest");
        check("mirror:5000/postgres:15", "mirror:5000/postgres", "15");
        check("postgres@sha256:abc", "postgres", "sha256:abc");
    }
}
