//! File names: what a template may say, and what a call may put into it.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use earwitness_media::export::{ExportFormat, NameFields, NameTemplate, TemplateError, UnknownFormat};
use proptest::prelude::*;

const FIELDS: NameFields<'_> = NameFields {
    date: "2026-11-21",
    time: "090000",
    ext: "4001",
    peer: "0312221111",
    id: "01ARYZ6S410000000000000000",
    format: "wav",
};

fn check(template: &str, fields: &NameFields<'_>, expected: &str) {
    assert_eq!(template.parse::<NameTemplate>().unwrap().render(fields), expected);
}

#[test]
fn the_default_names_date_time_parties_and_call() {
    let expected = "2026-11-21_090000_4001_0312221111_01ARYZ6S410000000000000000.wav";
    assert_eq!(NameTemplate::default().render(&FIELDS), expected);
    assert_eq!(Ok(NameTemplate::default()), "{date}_{time}_{ext}_{peer}_{id}.{format}".parse());
}

#[test]
fn text_and_keys_stand_where_they_were_put() {
    check("민원 {ext}-{peer} ({date}).{format}", &FIELDS, "민원 4001-0312221111 (2026-11-21).wav");
    check("{id}{id}", &NameFields { id: "x", ..FIELDS }, "xx");
}

#[test]
fn what_no_file_name_may_hold_is_replaced() {
    let with = |peer| NameFields { peer, ..FIELDS };
    check("a{peer}", &with("../../etc/passwd"), "a.._.._etc_passwd");
    check("{peer}", &with("../x"), "_._x");
    check("{peer}", &with("-rf"), "_rf");
    check("{peer}", &with("a\0b\nc\u{202e}d\u{200b}e\\f:g"), "a_b_c_d_e_f_g");
    check("{peer}", &with("홍길동 주무관"), "홍길동 주무관");
    check("{peer}", &with(""), "unknown");
    check("{peer}", &with("  "), "unknown");
}

#[test]
fn a_long_field_is_cut_between_letters() {
    let long = "가".repeat(100);
    check("{peer}", &NameFields { peer: &long, ..FIELDS }, &"가".repeat(13));
}

#[test]
fn a_template_that_cannot_work_is_refused_where_it_is_wrong() {
    for (template, error) in [
        ("{id}_{nmae}", TemplateError::UnknownKey { key: "nmae".into(), at: 5 }),
        ("{}", TemplateError::UnknownKey { key: String::new(), at: 0 }),
        ("{a{id}", TemplateError::UnknownKey { key: "a{id".into(), at: 0 }),
        ("가{id", TemplateError::UnpairedBrace { at: 3 }),
        ("{id}x}", TemplateError::UnpairedBrace { at: 5 }),
        ("{id}/{ext}", TemplateError::Forbidden { character: '/', at: 4 }),
        ("a\u{7}", TemplateError::Forbidden { character: '\u{7}', at: 1 }),
        ("{id}{id}{id}{id}{id}{id}{id}", TemplateError::TooLong { longest: 280 }),
    ] {
        assert_eq!(template.parse::<NameTemplate>(), Err(error), "{template}");
    }
    let empty = "".parse::<NameTemplate>();
    assert_eq!(empty, Err(TemplateError::Empty));
}

#[test]
fn formats_are_named_as_on_the_command_line() {
    for format in ExportFormat::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert_eq!("mp3".parse::<ExportFormat>(), Err(UnknownFormat("mp3".into())));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_name_is_one_component_of_a_path_whatever_the_call_says(
        template in "\\PC{0,6}(\\{(date|time|ext|peer|id|format)\\}.{0,3}){0,5}",
        [date, time, ext, peer, id] in proptest::array::uniform5(".{0,80}"),
    ) {
        let Ok(template) = template.parse::<NameTemplate>() else { return Ok(()) };
        let fields = NameFields { date: &date, time: &time, ext: &ext, peer: &peer, id: &id, format: "wav" };
        let name = template.render(&fields);
        prop_assert!(!name.is_empty() && name.len() <= 255);
        prop_assert!(!name.contains(['/', '\\', '\0']) && !name.contains(char::is_control));
        prop_assert!(!name.starts_with(['.', '-']));
    }
}
