//! The identities of a service: each can do its own work and nothing else.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use strongroom_presign::{PostPolicy, Request, Validity};

use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::wire::send;

fn denied<T: std::fmt::Debug>(result: Result<T, impl ProvideErrorMetadata>) {
    assert_eq!(result.expect_err("it must be refused").code(), Some("AccessDenied"));
}

async fn filled() -> Server {
    let server = Server::start().await;
    for key in ["final/1", "staging/1"] {
        server.admin().put_object().bucket(BUCKET).key(key).body(b"1".to_vec().into()).send().await.unwrap();
    }
    server
}

#[tokio::test]
async fn the_reader_reads_and_does_nothing_else() {
    let server = filled().await;
    let reader = server.client("reader");
    reader.get_object().bucket(BUCKET).key("final/1").send().await.unwrap();
    reader.head_object().bucket(BUCKET).key("final/1").send().await.unwrap();
    denied(reader.put_object().bucket(BUCKET).key("final/1").send().await);
    denied(reader.delete_object().bucket(BUCKET).key("final/1").send().await);
    denied(reader.list_objects_v2().bucket(BUCKET).send().await);
    denied(reader.list_multipart_uploads().bucket(BUCKET).send().await);
    denied(reader.create_multipart_upload().bucket(BUCKET).key("final/2").send().await);
    denied(reader.copy_object().bucket(BUCKET).key("final/2").copy_source(format!("{BUCKET}/final/1")).send().await);
    denied(reader.create_bucket().bucket("mine").send().await);
    denied(reader.get_bucket_location().bucket(BUCKET).send().await);
    assert!(reader.list_buckets().send().await.unwrap().buckets().is_empty());
    // Nor by URL, nor by form.
    let signer = server.signer("reader");
    let life = Validity::new(server.now(), 60).unwrap();
    for request in [Request::put("final/1"), Request::delete("final/1")] {
        let url = signer.presign(&request, life).unwrap();
        assert_eq!(send(&server, request.method().as_str(), &url, &[], "2").await.code(), "AccessDenied");
    }
    let form = signer.post(&PostPolicy::for_key("final/1").unwrap(), life).unwrap();
    let answer = crate::forms::post(&server, &form.fields, Some(("f", b"2"))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
}

#[tokio::test]
async fn a_reader_who_may_not_list_is_not_told_what_is_missing() {
    let server = filled().await;
    denied(server.client("reader").get_object().bucket(BUCKET).key("final/none").send().await);
    let listing = server.client("janitor").get_object().bucket(BUCKET).key("final/none").send().await.unwrap_err();
    assert_eq!(listing.code(), Some("NoSuchKey"));
}

#[tokio::test]
async fn the_writer_writes_under_its_prefix_and_does_nothing_else() {
    let server = filled().await;
    let writer = server.client("writer");
    writer.put_object().bucket(BUCKET).key("staging/2").send().await.unwrap();
    let begun = writer.create_multipart_upload().bucket(BUCKET).key("staging/3").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    writer.upload_part().bucket(BUCKET).key("staging/3").upload_id(id).part_number(1).send().await.unwrap();
    denied(writer.list_parts().bucket(BUCKET).key("staging/3").upload_id(id).send().await);
    writer.abort_multipart_upload().bucket(BUCKET).key("staging/3").upload_id(id).send().await.unwrap();
    denied(writer.put_object().bucket(BUCKET).key("final/2").send().await);
    denied(writer.put_object().bucket(BUCKET).key("staging").send().await);
    denied(writer.get_object().bucket(BUCKET).key("staging/2").send().await);
    denied(writer.delete_object().bucket(BUCKET).key("staging/2").send().await);
    denied(writer.list_objects_v2().bucket(BUCKET).prefix("staging/").send().await);
    // A copy reads, and the writer may not read: an upload URL is no way to any object.
    denied(writer.copy_object().bucket(BUCKET).key("staging/4").copy_source(format!("{BUCKET}/final/1")).send().await);
    let named = ObjectIdentifier::builder().key("staging/2").build().unwrap();
    let delete = Delete::builder().objects(named).build().unwrap();
    let answer = writer.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(answer.errors().first().and_then(|error| error.code()), Some("AccessDenied"));
    server.admin().head_object().bucket(BUCKET).key("staging/2").send().await.unwrap();
}

#[tokio::test]
async fn who_may_create_makes_what_is_not_there_and_replaces_nothing() {
    let server = Server::start_with(|options| {
        let grant = strongroom_store::Grant {
            bucket: Some(BUCKET.to_owned()),
            prefix: "final/".to_owned(),
            actions: vec![strongroom_store::Action::Create],
        };
        options.identities.push(strongroom_store::Identity::new("creator", "creator-secret", vec![grant]).unwrap());
    })
    .await;
    let creator = server.client("creator");
    let put = |key: &str| creator.put_object().bucket(BUCKET).key(key).body(b"1".to_vec().into());
    denied(put("final/1").send().await);
    put("final/1").if_none_match("*").send().await.unwrap();
    let again = put("final/1").if_none_match("*").send().await.expect_err("it is there");
    assert_eq!(again.code(), Some("PreconditionFailed"));
    denied(put("final/1").if_match("*").send().await);
    denied(put("other/1").if_none_match("*").send().await);
    // No other way of writing takes the condition for a right.
    denied(creator.create_multipart_upload().bucket(BUCKET).key("final/2").send().await);
    denied(creator.copy_object().bucket(BUCKET).key("final/2").copy_source(format!("{BUCKET}/final/1")).send().await);
    denied(creator.get_object().bucket(BUCKET).key("final/1").send().await);
    denied(creator.delete_object().bucket(BUCKET).key("final/1").send().await);
    let life = Validity::new(server.now(), 60).unwrap();
    let form = server.signer("creator").post(&PostPolicy::for_key("final/2").unwrap(), life).unwrap();
    assert_eq!(crate::forms::post(&server, &form.fields, Some(("f", b"2"))).await.code(), "AccessDenied");
}

#[tokio::test]
async fn the_janitor_moves_lists_and_deletes_and_configures_nothing() {
    let server = filled().await;
    let janitor = server.client("janitor");
    let copy = janitor.copy_object().bucket(BUCKET).key("final/2").copy_source(format!("{BUCKET}/staging/1"));
    copy.send().await.unwrap();
    janitor.delete_object().bucket(BUCKET).key("staging/1").send().await.unwrap();
    assert_eq!(janitor.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents().len(), 2);
    denied(janitor.create_bucket().bucket("mine").send().await);
    denied(janitor.delete_bucket().bucket(BUCKET).send().await);
    denied(janitor.get_object().bucket("elsewhere").key("k").send().await);
}

#[tokio::test]
async fn the_operator_configures_and_reads_nothing() {
    let server = filled().await;
    let operator = server.client("operator");
    operator.head_bucket().bucket(BUCKET).send().await.unwrap();
    denied(operator.get_object().bucket(BUCKET).key("final/1").send().await);
    denied(operator.list_objects_v2().bucket(BUCKET).send().await);
    denied(operator.put_object().bucket(BUCKET).key("final/1").send().await);
}

#[tokio::test]
async fn a_prefix_is_a_prefix_of_the_key_and_not_of_its_folders() {
    let server = Server::start_with(|options| {
        let grant = strongroom_store::Grant {
            bucket: Some(BUCKET.to_owned()),
            prefix: "images/".to_owned(),
            actions: vec![strongroom_store::Action::List, strongroom_store::Action::Put],
        };
        options.identities.push(strongroom_store::Identity::new("images", "images-secret", vec![grant]).unwrap());
    })
    .await;
    let images = server.client("images");
    images.put_object().bucket(BUCKET).key("images/1").send().await.unwrap();
    denied(images.put_object().bucket(BUCKET).key("images2/1").send().await);
    images.list_objects_v2().bucket(BUCKET).prefix("images/2026").send().await.unwrap();
    denied(images.list_objects_v2().bucket(BUCKET).prefix("images").send().await);
    denied(images.list_objects_v2().bucket(BUCKET).send().await);
}

#[tokio::test]
async fn who_may_not_read_cannot_ask_by_writing() {
    let server = Server::start().await;
    server.admin().put_object().bucket(BUCKET).key("staging/k").body(bytes(5, 1).into()).send().await.unwrap();
    let writer = server.client("writer");
    for (key, tag) in [("staging/k", "\"guess\""), ("staging/k", "*"), ("staging/none", "*")] {
        let put = writer.put_object().bucket(BUCKET).key(key).if_match(tag).send().await.unwrap_err();
        assert_eq!(put.code(), Some("AccessDenied"), "{key} {tag}");
    }
    writer.put_object().bucket(BUCKET).key("staging/new").if_none_match("*").send().await.unwrap();
    let janitor = server.client("janitor").put_object().bucket(BUCKET).key("staging/k").if_match("*");
    janitor.send().await.unwrap();
}

#[tokio::test]
async fn who_may_delete_nothing_is_not_told_which_buckets_there_are() {
    let server = filled().await;
    let writer = server.client("writer");
    for bucket in [BUCKET, "missing"] {
        let named = ObjectIdentifier::builder().key("staging/1").build().unwrap();
        let delete = Delete::builder().objects(named).build().unwrap();
        let answer = writer.delete_objects().bucket(bucket).delete(delete).send().await.unwrap();
        assert_eq!(answer.errors().first().and_then(|error| error.code()), Some("AccessDenied"), "{bucket}");
    }
}

#[tokio::test]
async fn versions_tags_and_configuration_ask_for_the_right_they_belong_to() {
    let server = filled().await;
    let (reader, writer, operator) = (server.client("reader"), server.client("writer"), server.client("operator"));
    reader.get_object_tagging().bucket(BUCKET).key("final/1").send().await.unwrap();
    denied(reader.delete_object_tagging().bucket(BUCKET).key("final/1").send().await);
    denied(reader.list_object_versions().bucket(BUCKET).send().await);
    denied(reader.get_bucket_cors().bucket(BUCKET).send().await);
    denied(reader.get_bucket_versioning().bucket(BUCKET).send().await);
    denied(writer.get_object_tagging().bucket(BUCKET).key("staging/1").send().await);
    writer.delete_object_tagging().bucket(BUCKET).key("staging/1").send().await.unwrap();
    denied(writer.delete_bucket_cors().bucket(BUCKET).send().await);
    denied(writer.delete_bucket_lifecycle().bucket(BUCKET).send().await);
    operator.delete_bucket_lifecycle().bucket(BUCKET).send().await.unwrap();
    denied(operator.get_object_tagging().bucket(BUCKET).key("final/1").send().await);
    denied(operator.list_object_versions().bucket(BUCKET).send().await);
}
