//! Forms as a browser sends them, under a signed policy.

use strongroom_presign::{PostForm, PostPolicy, Request};

use crate::place::{Place, minutes};
use crate::wire::{Answer, send};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// Sends a form with its fields, some of them changed, and a file.
async fn submit(form: &PostForm, changed: &[(&str, &str)], file: &str) -> Answer {
    let mut body = String::new();
    let mut part = |head: &str, value: &str| {
        body.push_str(&format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n"));
    };
    for (name, value) in &form.fields {
        let change = changed.iter().find(|(own, _)| own == name);
        part(&format!("name=\"{name}\""), change.map_or(value, |(_, other)| other));
    }
    for (name, value) in changed.iter().filter(|(name, _)| form.fields.iter().all(|(own, _)| own != name)) {
        part(&format!("name=\"{name}\""), value);
    }
    part("name=\"file\"; filename=\"cat.jpg\"", file);
    body.push_str(&format!("--{BOUNDARY}--\r\n"));
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let url = if form.url.matches('/').count() == 2 { format!("{}/", form.url) } else { form.url.clone() };
    send("POST", &url, &[("content-type", &kind)], body).await
}

pub(crate) async fn a_form_hands_a_file_in(place: &Place) {
    let policy = PostPolicy::for_key("inbox/a b+ä.jpg")
        .unwrap()
        .exact("Content-Type", "image/jpeg")
        .exact("x-amz-meta-who", "Ada")
        .content_length(1, 100)
        .success_status(201);
    let form = place.admin().post(&policy, minutes(5)).unwrap();
    let answer = submit(&form, &[], "a picture").await.expect(201);
    assert_eq!(answer.element("Key"), "inbox/a b+ä.jpg", "{}", answer.text());
    let get = place.follow(&Request::get("inbox/a b+ä.jpg"), "").await.expect(200);
    assert_eq!((get.text().as_str(), get.header("content-type")), ("a picture", "image/jpeg"));
    assert_eq!(get.header("x-amz-meta-who"), "Ada");
}

pub(crate) async fn a_form_for_a_prefix_takes_the_name_of_the_file(place: &Place) {
    let form = place.admin().post(&PostPolicy::for_prefix("inbox/7/").unwrap(), minutes(5)).unwrap();
    submit(&form, &[], "a picture").await.expect(204);
    assert_eq!(place.follow(&Request::get("inbox/7/cat.jpg"), "").await.expect(200).text(), "a picture");
    submit(&form, &[("key", "elsewhere/cat.jpg")], "x").await.expect(403);
}

pub(crate) async fn a_form_is_held_to_its_policy(place: &Place) {
    let policy = PostPolicy::for_key("k").unwrap().exact("Content-Type", "image/jpeg").content_length(2, 10);
    let form = place.admin().post(&policy, minutes(5)).unwrap();
    let cut = &form.fields.iter().find(|(name, _)| name == "policy").unwrap().1;
    let longer = place.admin().post(&policy.clone().content_length(0, 1_000), minutes(5)).unwrap();
    let other_policy = &longer.fields.iter().find(|(name, _)| name == "policy").unwrap().1;
    assert_ne!(cut, other_policy);
    for (changed, file) in [
        (&[][..], "far more than ten bytes"),
        (&[], "1"),
        (&[("key", "other")], "a file"),
        (&[("Content-Type", "text/html")], "a file"),
        (&[("x-amz-meta-extra", "not in the policy")], "a file"),
        (&[("policy", other_policy)], "a file"),
    ] {
        let answer = submit(&form, changed, file).await;
        assert!(answer.status.is_client_error(), "{changed:?}: {} {}", answer.status, answer.text());
    }
    for key in ["k", "other"] {
        place.follow(&Request::get(key), "").await.expect(404);
    }
    submit(&form, &[], "a file").await.expect(204);
}

/// A field that no policy mentions: some servers refuse it and some pass it over, but none may obey.
pub(crate) async fn a_form_cannot_make_its_file_public(place: &Place) {
    let form = place.admin().post(&PostPolicy::for_key("k").unwrap(), minutes(5)).unwrap();
    submit(&form, &[("acl", "public-read")], "a file").await;
    let link = place.link(&Request::get("k"));
    let answer = send("GET", link.split('?').next().unwrap(), &[], "").await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    submit(&form, &[], "a file").await.expect(204);
    send("GET", link.split('?').next().unwrap(), &[], "").await.expect(403);
}
