//! `PutObject`: takes a body in and makes it the object of the key.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::encryption::Asked;
use crate::fault::Fault;
use crate::index::objects;
use crate::payload::Payload;
use crate::publish::{Kept, Published, describe, describe_version, publish};
use crate::{headers, intake};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
pub(super) async fn run(call: Call<'_>, mut payload: Payload) -> Result<Response<Body>, Fault> {
    let (store, target) = (call.store, call.target);
    let bytes = payload.demand_length(store.limits.object_bytes)?;
    let kept = Kept::of(&call.parts.headers, call.now)?;
    let asked = Asked::of(headers::lines(&call.parts.headers))?;
    call.identity.demand_lock(kept.lock, &call.target.bucket, &call.target.key)?;
    let conditions = call.write_conditions()?;
    // The transaction judges; this only spares a body that cannot be wanted.
    call.read(|connection, bucket| {
        conditions.demand_target(objects::find(connection, bucket.id, &target.key)?.as_ref())
    })?;
    let _place = store.admit_upload(call.identity)?;
    let room = store.space.reserve(bytes)?;
    let protection = store.protect(&asked).await?;
    let received = intake::receive(&store.contents, &mut payload, None, store.seal(&protection), room).await?;
    let received = (received, &protection);
    let Published { object, version } = publish(store, &target.bucket, &target.key, kept, received, conditions).await?;
    let mut response = answer::status(http::StatusCode::OK);
    describe(&object.etag, &object.checksums, response.headers_mut())?;
    protection.describe(response.headers_mut())?;
    describe_version(version.as_deref(), response.headers_mut())?;
    Ok(response)
}
