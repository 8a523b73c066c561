//! Documents and what is said of them.
#![cfg(feature = "compile")]

use std::path::Path;

use carillon_crds::compile::{compile, development, load, table};
use carillon_crds::{normal, parse};
use carillon_tests::gateway::workspace;
use carillon_tests::generated::{check_file, check_part};

/// `faults.txt`: `=== name`, the document, `---`, the exact fault lines.
#[test]
fn every_fault_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults.txt");
    let text = std::fs::read_to_string(&path).expect("the cases");
    let mut expected = String::new();
    for case in text.split("=== ").skip(1) {
        let (name, rest) = case.split_once('\n').expect("a name");
        let (document, _) = rest.rsplit_once("\n---\n").expect("a document");
        let told = load(document).err().map(|faults| faults.to_string());
        let told = told.unwrap_or_else(|| "(no fault)".to_owned());
        expected += &format!("=== {name}\n{document}\n---\n{told}\n");
    }
    check_file(&path, &expected);
}

#[test]
fn the_schema_for_editors_is_the_types() {
    let schema = serde_json::to_string_pretty(parse::schema::document()).expect("plain JSON");
    check_file("rules.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_docs_hold_the_tables() {
    for (name, rows) in [
        ("top", table::top()),
        ("namespace", table::namespace()),
        ("event", table::event()),
    ] {
        check_part("docs/rules.md", name, &rows);
    }
}

fn examples() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(workspace().join("examples")).expect("the folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    yaml.map(|path| {
        let text = std::fs::read_to_string(&path).expect("the example");
        (path.display().to_string(), text)
    })
    .collect()
}

#[test]
fn examples_are_rules_and_so_are_their_other_forms() {
    for (path, text) in examples() {
        let book = load(&text).unwrap_or_else(|faults| panic!("{path}:\n{faults}"));
        for form in [
            normal::json(&book.document),
            normal::effective_yaml(&book.document),
        ] {
            let again = load(&form).unwrap_or_else(|faults| panic!("{path}:\n{form}\n{faults}"));
            assert_eq!(again.document, book.document, "{path}");
            assert_eq!(again.hash, book.hash, "{path}");
        }
        // Editors check documents with the schema alone.
        let schema = jsonschema::validator_for(parse::schema::document()).expect("a schema");
        let value = serde_yaml::from_str(&text).expect("YAML");
        assert!(schema.is_valid(&value), "{path}");
    }
}

#[test]
fn the_normal_form_leaves_out_defaults_and_sorts_keys() {
    let text = "
        namespaces:
        - { unlisted: { refuse: true }, name: /, pattern: '', events: [], history: { ttl: 3600s, size: 1, read: [] } }
        engine: { pingInterval: 25000ms, maxPayload: 1000KB, compression: { polling: 1024 } }
        cors: {}
        limits: { perAddress: {} }
        schemas: { z: { type: string, const: null }, a: true }";
    let book = load(text).expect("rules");
    assert_eq!(
        normal::json(&book.document),
        r#"{"namespaces":[{"history":{"size":1,"ttl":"1h"},"name":"/"}],"schemas":{"a":true,"z":{"const":null,"type":"string"}}}"#
    );
    assert_eq!(book.hash.len(), 64);
}

#[test]
fn yaml_and_json_are_one() {
    let yaml = "{ namespaces: [{ name: /, events: [{ name: e, limit: 5/s }] }] }";
    let json =
        "{\t\"namespaces\":[{\"name\":\"\\/\",\"events\":[{\"name\":\"e\",\"limit\":\"5/s\"}]}]}";
    assert_eq!(
        load(yaml).expect("YAML").hash,
        load(json).expect("JSON").hash
    );
}

#[test]
fn bounds() {
    let large = format!(
        "namespaces: [{{ name: / }}] #{}",
        "x".repeat(parse::MAX_TEXT_BYTES)
    );
    let canonical = format!(
        "namespaces: [{{ name: /{} }}]",
        "x".repeat(parse::MAX_CANONICAL_BYTES)
    );
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n";
    for document in [&large, &canonical] {
        let faults = load(document).expect_err("too large");
        assert!(faults.to_string().contains("too large"), "{faults}");
    }
    for document in [
        bomb.to_owned(),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "- ".repeat(100_000),
    ] {
        assert!(load(&document).is_err());
    }
}

#[test]
fn namespaces_by_name_then_by_pattern_in_order() {
    let text = "
        namespaces:
        - { pattern: '/org-(?<org>[a-z]+)', errorEvent: first }
        - { pattern: '^/org-[a-z0-9]+$', errorEvent: second }
        - { name: /org-exact, errorEvent: exact }";
    let book = load(text).expect("rules");
    let check = |name: &str, expected: Option<&str>| {
        let found = book
            .namespace(name)
            .map(|rules| rules.error_event.to_string());
        assert_eq!(found.as_deref(), expected, "{name}");
    };
    check("/org-exact", Some("\"exact\""));
    check("/org-acme", Some("\"first\""));
    check("/org-acme1", Some("\"second\""));
    check("/org-acme/x", None);
    check("x/org-acme", None);
    check("/org-acme\n", None);
    check(&format!("/org-{}", "a".repeat(123)), Some("\"first\""));
    check(&format!("/org-{}", "a".repeat(124)), None);
    check("/", None);
    assert_eq!(
        book.captures("/org-acme").get("org").map(|value| &**value),
        Some("acme")
    );
    assert!(book.captures("/org-exact").is_empty());
}

#[test]
fn development_rules_have_every_namespace_and_local_origins() {
    let book = development();
    for name in ["/", "/anything", "/a/b-c.d"] {
        assert!(book.namespace(name).is_some(), "{name}");
    }
    assert!(book.namespace("nothing").is_none());
    assert!(book.namespace("/with space").is_none());
    assert!(book.origins.allows("http://localhost:5173"));
    assert!(!book.origins.allows("https://example.com"));
}

#[test]
fn arguments() {
    let text = r##"
        schemas:
          vote: { type: object, required: [bill], properties: { bill: { type: string, pattern: "^[a-z]+$" }, n: { type: integer } }, additionalProperties: false }
          tree: { type: object, properties: { child: { $ref: "#/schemas/tree" } } }
        namespaces:
        - name: /
          events:
          - { name: e, args: [{ $ref: "#/schemas/vote" }, { type: string }, { binary: true, maxBytes: 4 }] }
          - { name: tree, args: [{ $ref: "#/schemas/tree" }] }
          - { name: rest, args: [true], rest: true }"##;
    let book = compile(parse::document(text).expect("rules")).expect("rules");
    let rules = book.namespace("/").expect("declared");
    let check = |event: &str, args: &[&str], expected: Result<(), &str>| {
        let declared = rules.events[event].args.as_ref().expect("declared");
        let found = declared.check(args.len(), |i| args.get(i).copied(), &|i| {
            [4, 5].get(i).copied()
        });
        assert_eq!(found, expected.map_err(ToOwned::to_owned), "{args:?}");
    };
    let data = r#"{"_placeholder":true,"num":0}"#;
    check("e", &[r#"{"bill":"a"}"#, "\"\"", data], Ok(()));
    check(
        "e",
        &[r#"{"bill":"a"}"#],
        Err("expected 3 arguments, got 1"),
    );
    check(
        "e",
        &[
            r#"{"bill":"A","n":1.5,"x":1}"#,
            "1",
            r#"{"_placeholder":true,"num":1}"#,
        ],
        Err(
            "/0/bill: value does not match \"^[a-z]+$\"; /0/n: value is not of type \"integer\"; /0: Additional properties are not allowed ('x' was unexpected); /1: expected a string; /2: 5 bytes, at most 4 are allowed",
        ),
    );
    check(
        "e",
        &[data, "\"\"", "{}"],
        Err("/0: binary data where none is declared; /2: expected binary data"),
    );
    check(
        "e",
        &[r#"{"bill":"\ud800"}"#, "\"\"", data],
        Err(
            "/0: a value that cannot be represented (a number out of range, or half a surrogate pair)",
        ),
    );
    check("rest", &["1", "2", "3"], Ok(()));
    check("rest", &[], Err("expected at least 1 arguments, got 0"));
    let deep = format!("{}{}", "{\"child\":".repeat(511), "1") + &"}".repeat(511);
    check("tree", &[&deep.replace("1", "{}")], Ok(()));
    let found = rules.events["tree"].args.as_ref().expect("declared");
    assert!(found.check(1, |_| Some(&deep), &|_| None).is_err());
}
