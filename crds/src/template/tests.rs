use super::*;

/// Arguments and an identity for templates.
struct Facts(Vec<&'static str>, usize);

impl Context for Facts {
    fn argument(&self, index: usize) -> Option<&str> {
        self.0.get(index).copied()
    }

    fn attachments(&self) -> usize {
        self.1
    }

    fn auth(&self) -> &str {
        r#"{"token":"t","deep":{"n":[5]},"evil":{"_placeholder":true,"num":0}}"#
    }

    fn query(&self) -> &str {
        r#"{"lang":"de"}"#
    }

    fn socket_id(&self) -> &str {
        "-_id"
    }

    fn ns(&self, name: &str) -> Option<&str> {
        (name == "org").then_some("acme")
    }
}

fn text(template: &str, arguments: &[&'static str]) -> Result<String, String> {
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    let mut out = String::new();
    let facts = Facts(arguments.to_vec(), 0);
    template
        .render(&facts, &mut out)
        .map_err(|error| error.to_string())?;
    Ok(out)
}

#[test]
fn texts() {
    let arguments = [
        r#""x\u00e9""#,
        "1.50",
        "true",
        "null",
        r#"{"a":{"b":[7,"y"]}}"#,
    ];
    for (template, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("room-{0}", "room-xé"),
        ("n{1}b{2}", "n1.50btrue"),
        ("{4.a.b.0}/{4.a.b.1}", "7/y"),
        (
            "{auth.token}.{auth.deep.n.0}.{query.lang}.{socket.id}.{ns.org}",
            "t.5.de.-_id.acme",
        ),
        ("{{0}}", "{0}"),
    ] {
        assert_eq!(
            text(template, &arguments).as_deref(),
            Ok(expected),
            "{template}"
        );
    }
    for template in [
        "{3}",
        "{4}",
        "{4.a}",
        "{5}",
        "{auth}",
        "{auth.no}",
        "{ns.no}",
        "{user.id}",
    ] {
        let error = text(template, &arguments).expect_err("no value");
        assert!(
            error.starts_with(&format!("{template} is missing")),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_template() {
    for template in [
        "{",
        "}",
        "a{b",
        "a}b",
        "{}",
        "{01}",
        "{100}",
        "{x}",
        "{0.}",
        "{query}",
        "{socket.x}",
        "{ns}",
        "{ns.a.b}",
        "{0.{1}}",
        "{ 0}",
    ] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}

fn values(
    json: &str,
    arguments: &[&'static str],
    attachments: usize,
) -> Result<(String, Vec<usize>), RenderError> {
    let list: Vec<serde_json::Value> = serde_json::from_str(json).expect("a list");
    let values = Values::parse(&list, &mut |path, found| {
        assert!(found.is_ok(), "{path:?}: {found:?}");
    });
    let (mut out, mut used) = (String::new(), Vec::new());
    values.render(&Facts(arguments.to_vec(), attachments), &mut out, &mut used)?;
    Ok((out, used))
}

#[test]
fn a_value_that_is_one_placeholder_keeps_its_type() {
    let arguments = [r#"{"big":12345678901234567890,"big":1e400}"#, r#""s""#];
    for (json, expected) in [
        (r#"["{0}"]"#, r#"{"big":12345678901234567890,"big":1e400}"#),
        (r#"["{0.big}","{1}","-{1}-"]"#, r#"1e400,"s","-s-""#),
        (
            r#"[{"k":["{1}",null,1.0]},"{socket.id}"]"#,
            r#"{"k":["s",null,1.0]},"-_id""#,
        ),
        (r#"["{auth.deep}"]"#, r#"{"n":[5]}"#),
        ("[]", ""),
    ] {
        let (out, _) = values(json, &arguments, 0).expect("all there");
        assert_eq!(out, expected);
    }
}

#[test]
fn attachments_are_renumbered_and_never_invented() {
    let arguments = [
        r#"{"_placeholder":true,"num":0}"#,
        r#"[{"_placeholder":true,"num":1}]"#,
    ];
    let (out, used) = values(r#"["{1}","{0}","{1}"]"#, &arguments, 2).expect("all there");
    assert_eq!(used, [1, 0, 1]);
    assert_eq!(
        out,
        r#"[{"_placeholder":true,"num":0}],{"_placeholder":true,"num":1},[{"_placeholder":true,"num":2}]"#
    );
    assert!(matches!(
        values(r#"["{auth.evil}"]"#, &arguments, 2),
        Err(RenderError::Attachment(_))
    ));
}

#[test]
fn rooms() {
    let room = |template: &str, argument: &'static str| {
        Room::new(Template::parse(template).expect("a template"))
            .render(&Facts(vec![argument], 0), &mut String::new())
            .map(|name| name.to_string())
    };
    assert_eq!(room("all", "1").as_deref(), Ok("all"));
    assert_eq!(room("r-{0}", "\"1\"").as_deref(), Ok("r-1"));
    assert_eq!(room("-{0}", "\"_x\""), Err(RenderError::RoomReserved));
    assert_eq!(room("{0}", "\"\""), Err(RenderError::RoomReserved));
    let long: &'static str = Box::leak(format!("\"{}\"", "é".repeat(128)).into_boxed_str());
    assert_eq!(room("{0}", long).map(|name| name.len()), Ok(256));
    assert_eq!(room("r{0}", long), Err(RenderError::RoomTooLong));
}
