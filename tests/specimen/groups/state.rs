//! What bad upgrades do to files and rows.

use super::Grouped;

pub(super) const FILES: &[Grouped] = grouped! {
    "attachment-flipped" "a byte of an attachment is another, its size and its row stay"
        ["files.content-changed" "files:*/photo-19.jpg"]
    "attachment-lost" "an attachment is gone, its row stays"
        ["files.lost" "files:*/photo-22.jpg", "files.row-without-file" "files:*/photo-22.jpg"]
    "attachment-emptied" "an attachment has no bytes any more"
        ["files.content-changed" "files:*/photo-25.jpg"]
    "attachment-given-away" "an attachment belongs to another account"
        ["files.permissions-changed" "files:*/photo-28.jpg"]
    "settings-replaced" "a configuration file was replaced by that of the package"
        ["files.content-changed" "config:mail.ini"]
    "secret-key-replaced" "the key that signs sessions was made anew"
        ["files.content-changed" "config:secret.key"]
    "key-open-to-all" "everybody on the machine may read a key"
        ["files.permissions-changed" "config:mail.key"]
    "link-elsewhere" "a link leads to another file"
        ["files.content-changed" "config:theme.ini"]
    "file-left-over" "the upgrade left a file of its own behind"
        ["files.added" "files:upgrade.tmp", "files.file-without-row" "files:upgrade.tmp"]
    "repository-lost" "a repository is gone"
        ["files.repository-lost" "git:drawings.git"]
    "hook-lost" "a hook is gone"
        ["files.repository-settings" "git:letters.git/hooks/post-receive"]
    "branch-set-back" "a branch is one commit behind"
        ["files.reference-changed" "git:letters.git/refs/heads/main"]
    "tag-lost" "a tag is gone"
        ["files.reference-changed" "git:letters.git/refs/tags/v1"]
    "head-elsewhere" "HEAD names another branch"
        ["files.reference-changed" "git:maps.git/HEAD"]
    "repository-settings-lost" "a setting of a repository is gone that kept its history from being rewritten"
        ["files.repository-settings" "git:maps.git/config"]
    "object-damaged" "a commit cannot be read any more"
        ["files.repository-damaged" "git:plans.git"]
};

pub(super) const ROWS: &[Grouped] = grouped! {
    "table-left-over" "a copy of a table was left behind"
        ["data.table-unexpected" "table items_before", "data.new-table-has-rows" "table items_before"]
    "table-lost" "a table is gone that no release note speaks of"
        ["data.table-lost" "table scans"]
    "column-lost" "a column is gone that no release note speaks of"
        ["data.column-lost" "table events"]
    "rows-doubled" "rows were copied twice"
        ["data.rows-added" "table tags"]
    "empty-becomes-null" "empty texts became null"
        ["data.values-changed" "table letters"]
    "umlauts-broken" "texts were taken for Latin-1 and encoded again"
        ["data.values-changed" "table articles", "crawl.text-lost" "GET /articles/* as *"]
    "authors-lost" "notes of people who were locked belong to the administrator"
        ["data.values-changed" "table notes", "crawl.text-lost" "GET /items/* as *"]
    "days-and-months-swapped" "of some dates, day and month changed places"
        ["data.values-changed" "table borrowers"]
    "humidity-rounded" "measured values lost their fractions"
        ["data.values-changed" "table inspections"]
    "query-lost" "a saved query is gone"
        ["data.rows-lost" "table queries", "crawl.gone" "GET /queries/3 as *", "crawl.text-lost" "GET /queries as *", "crawl.link-broken" "GET /queries/3 as *"]
    "password-forgotten" "one person's password was cleared"
        ["data.values-changed" "table users"]
    "moved-text-lost" "rows moved into another table, and one lost its text on the way"
        ["data.values-changed" "table postcards"]
    "default-gone" "a default that was to become another is gone"
        ["structure.lost" "default of inspections.inspected_by: *"]
    "setting-added-wrong" "a setting that the release adds has another value than it says"
        ["data.rows-added" "table settings"]
    "start-page-wrong" "a new table's rows are not what they are to be made from"
        ["data.new-table-has-rows" "table preferences"]
    "upload-renames-others" "whoever uploads a file renames those of others"
        ["data.values-changed" "table attachments"]
};
