//! What bad upgrades do to pages, to other responses, and under load.

use super::Grouped;

pub(super) const PAGES: &[Grouped] = grouped! {
    "query-fails" "a saved query cannot be shown"
        ["crawl.failed" "GET /queries/2 as *"]
    "query-redirects" "a saved query leads to another page"
        ["crawl.redirected" "GET /queries/3 as *"]
    "item-without-text" "pages of some items have lost the description"
        ["crawl.text-lost" "GET /items/* as *"]
    "private-notes-shown" "private notes are shown to everybody"
        ["crawl.text-exposed" "GET /items/* as *"]
    "search-finds-nothing" "the search page finds nothing for a word that many items have"
        ["crawl.text-lost" "GET /search?q=* as *"]
    "article-slow" "a page takes three seconds longer"
        ["crawl.slower" "GET /articles/clay as *"]
    "article-closed" "a page is closed to all but administrators"
        ["crawl.refused" "GET /articles/bone as *"]
};

pub(super) const DOCUMENTS: &[Grouped] = grouped! {
    "article-gone" "a page is not found any more"
        ["crawl.gone" "GET /articles/amber as *"]
    "private-collection-open" "a private collection is shown to everybody who knows its address"
        ["crawl.exposed" "GET /collections/* as *"]
    "links-broken" "a link of a list leads nowhere"
        ["crawl.link-broken" "GET /piece/* as *"]
    "label-type-lost" "a text is served as bytes to download"
        ["crawl.type-changed" "GET /items/*/label.txt as *"]
    "sheet-without-text" "a PDF file has no text any more"
        ["crawl.smaller" "GET /items/*/sheet.pdf as *"]
    "feed-rounds" "JSON of an item has a rounded weight"
        ["crawl.values-changed" "GET /items/*/feed.json as *"]
    "style-empty" "the style sheet has no bytes"
        ["crawl.asset-broken" "GET /assets/site.css as *"]
    "script-empty" "the script has no bytes"
        ["crawl.asset-broken" "GET /assets/site.js as *"]
    "logo-is-page" "the log-in page is served in place of an image"
        ["crawl.asset-broken" "GET /assets/logo.svg as *"]
};

pub(super) const REQUESTS: &[Grouped] = grouped! {
    "upload-fails" "no file can be uploaded"
        ["request.status" "POST /api/attachments?* as admin"]
    "item-cannot-be-created" "no item can be created"
        ["request.status" "POST /api/items as admin"]
    "locked-user-let-in" "an account that was locked is let in"
        ["request.status-changed" "GET /api/* as locked"]
    "members-cannot-log-in" "ordinary people cannot log in"
        ["access.log-in-failed" "*as member"]
    "export-without-notes" "an export has an empty column"
        ["request.records-changed" "GET /api/export.csv as admin"]
    "loans-open-to-anyone" "anybody may read who borrowed what"
        ["request.status-changed" "GET /api/loans as anonymous"]
    "schema-field-gone" "a field is gone that clients may ask for"
        ["graphql.schema-broken" "*"]
    "version-lies" "the product says that it is of the old release"
        ["request.value" "GET /api/version*"]
};

pub(super) const LOAD: &[Grouped] = grouped! {
    "web-log-off" "the web service logs nothing any more"
        ["logs.silent" "log of web*"]
    "worker-slow-start" "the worker takes 5.5 s more until it works"
        ["performance.ready-slower" "service worker"]
    "search-slow" "every search takes 150 ms more"
        ["performance.slower" "GET /api/search?q=bronze as viewer"]
    "database-grows" "rows were rewritten again and again, and nothing was reclaimed"
        ["performance.database-grew" "database main"]
};
