# Uses the store through MinIO's client for Python; prints a line for each thing that holds.

import io
from datetime import timedelta

from minio import Minio
from minio.commonconfig import REPLACE, ComposeSource, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from place import LARGE, access_key, bucket, content, done, endpoint, gives, holds, place, region, secret_key, takes

PART = 5 << 20
SOON = timedelta(minutes=5)
client = Minio(
    endpoint=endpoint.removeprefix("http://"), access_key=access_key, secret_key=secret_key, region=region, secure=False
)


def read(key, **options):
    answer = client.get_object(bucket_name=bucket, object_name=key, **options)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def listed(prefix, **options):
    return [row.object_name for row in client.list_objects(bucket_name=bucket, prefix=prefix, **options)]


client.make_bucket(bucket_name="by-minio")
holds("a bucket that was made is there", client.bucket_exists(bucket_name="by-minio"))
holds("buckets are listed", {bucket, "by-minio"} <= {row.name for row in client.list_buckets()})
client.remove_bucket(bucket_name="by-minio")
holds("a bucket that was removed is not", not client.bucket_exists(bucket_name="by-minio"))

for key in place["keys"]:
    holds(f"{key!r} is read as it was given", read(f"given/{key}") == content(f"given/{key}"))
keys = [f"in/{key}" for key in place["keys"] + ["folder/"]]
for key in keys:
    data = content(key)
    client.put_object(
        bucket_name=bucket,
        object_name=key,
        data=io.BytesIO(data),
        length=len(data),
        content_type="text/x-mine",
        metadata={"who": "Ada", "was": "here, twice"},
    )
for key in keys:
    holds(f"{key!r} has its content", read(key) == content(key))
found = client.stat_object(bucket_name=bucket, object_name=keys[0])
metadata = {name.lower(): value for name, value in found.metadata.items()}
holds("metadata is kept", (metadata["x-amz-meta-who"], metadata["x-amz-meta-was"]) == ("Ada", "here, twice"), metadata)
holds("type and length are kept", (found.content_type, found.size) == ("text/x-mine", len(content(keys[0]))))
for version in (False, True):
    names = listed("in/", recursive=True, use_api_v1=version)
    holds("a list names every key once", sorted(names) == sorted(keys), names)
folders = listed("in/")
holds("a list stops at folders", "in/a/" in folders and "in/folder/" in folders, folders)
holds("a part of an object is read", read(keys[0], offset=5, length=4) == content(keys[0])[5:9])

for key in keys:
    client.copy_object(bucket_name=bucket, object_name=f"out/{key}", source=CopySource(bucket_name=bucket, object_name=key))
    holds(f"the copy of {key!r} has its content", read(f"out/{key}") == content(key))
client.copy_object(
    bucket_name=bucket,
    object_name="replaced",
    source=CopySource(bucket_name=bucket, object_name=keys[0]),
    metadata={"who": "Grace"},
    metadata_directive=REPLACE,
)
found = client.stat_object(bucket_name=bucket, object_name="replaced")
holds("a copy takes new metadata", {name.lower(): value for name, value in found.metadata.items()}["x-amz-meta-who"] == "Grace")

client.put_object(bucket_name=bucket, object_name="large", data=io.BytesIO(LARGE), length=len(LARGE), part_size=PART)
found = client.stat_object(bucket_name=bucket, object_name="large")
holds("a large object went in parts", found.etag.endswith("-2") and found.size == len(LARGE), found.etag)
holds("its content is whole", read("large") == LARGE)
client.put_object(bucket_name=bucket, object_name="unknown", data=io.BytesIO(LARGE), length=-1, part_size=PART)
holds("so is that of a stream of unknown length", read("unknown") == LARGE)
sources = [ComposeSource(bucket_name=bucket, object_name=name) for name in ("large", keys[0])]
client.compose_object(bucket_name=bucket, object_name="composed", sources=sources)
holds("an object is composed of others", read("composed") == LARGE + content(keys[0]))

tags = Tags.new_object_tags()
tags["colour"] = "blue + green"
client.set_object_tags(bucket_name=bucket, object_name="large", tags=tags)
holds("tags are kept", client.get_object_tags(bucket_name=bucket, object_name="large") == tags)

for key in keys:
    url = client.presigned_get_object(bucket_name=bucket, object_name=key, expires=SOON)
    holds(f"a link to {key!r} gives its content", gives(url, content(key)))
    url = client.presigned_put_object(bucket_name=bucket, object_name=f"put/{key}", expires=SOON)
    holds(f"a link takes content for {key!r}", takes(url, content(key)) and read(f"put/{key}") == content(key))

errors = client.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject(key) for key in keys])
holds("many are deleted at once", list(errors) == [] and listed("in/", recursive=True) == [])
for key in listed("", recursive=True):
    client.remove_object(bucket_name=bucket, object_name=key)
holds("all are deleted one by one", listed("", recursive=True) == [])
try:
    client.stat_object(bucket_name=bucket, object_name=keys[0])
    holds("what was deleted is gone", False)
except S3Error as error:
    holds("what was deleted is gone", error.code == "NoSuchKey", error.code)
done()
