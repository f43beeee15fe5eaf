# Uses the embedded store through boto3, as each of its four identities; prints a line for each thing that holds.

import hashlib
import json
import os
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

keys = json.load(sys.stdin)
bucket = keys["bucket"]


def client(identity):
    return boto3.client(
        "s3",
        endpoint_url=keys["endpoint"],
        region_name=keys["region"],
        aws_access_key_id=keys[identity]["access_key_id"],
        aws_secret_access_key=keys[identity]["secret_access_key"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def holds(what, truth):
    if not truth:
        sys.exit(f"does not hold: {what}")
    print(what, flush=True)


def refused(what, call):
    try:
        call()
    except ClientError as error:
        holds(what, error.response["Error"]["Code"] in ("AccessDenied", "403"))
    else:
        sys.exit(f"was not refused: {what}")


reader, writer, janitor, operator = (client(name) for name in ("reader", "writer", "janitor", "operator"))
content = os.urandom(100_000)
staged = "staging/by boto3 ~ Grüße+&=.bin"

writer.put_object(Bucket=bucket, Key=staged, Body=content, ContentType="application/octet-stream", Metadata={"a": "b"})
got = reader.get_object(Bucket=bucket, Key=staged)
holds("what was put is got, with its type and metadata", got["Body"].read() == content and got["Metadata"] == {"a": "b"})
holds("the entity tag is the MD5", got["ETag"].strip('"') == hashlib.md5(content).hexdigest())
part = reader.get_object(Bucket=bucket, Key=staged, Range="bytes=10-19")
holds("a range is a range", part["Body"].read() == content[10:20] and part["ResponseMetadata"]["HTTPStatusCode"] == 206)

janitor.copy_object(Bucket=bucket, Key="files/copy.bin", CopySource={"Bucket": bucket, "Key": staged}, CopySourceIfMatch=got["ETag"])
holds("a copy has the same bytes", reader.get_object(Bucket=bucket, Key="files/copy.bin")["Body"].read() == content)
listed = janitor.list_objects_v2(Bucket=bucket, Prefix="staging/")
holds("a list names it", [row["Key"] for row in listed["Contents"]] == [staged])

upload = writer.create_multipart_upload(Bucket=bucket, Key="staging/parts.bin")["UploadId"]
sizes = [5 << 20, 1000]
parts = []
for number, size in enumerate(sizes, 1):
    answer = writer.upload_part(Bucket=bucket, Key="staging/parts.bin", UploadId=upload, PartNumber=number, Body=b"x" * size)
    parts.append({"PartNumber": number, "ETag": answer["ETag"]})
seen = janitor.list_parts(Bucket=bucket, Key="staging/parts.bin", UploadId=upload)["Parts"]
holds("parts are listed with their lengths", [row["Size"] for row in seen] == sizes)
writer.complete_multipart_upload(Bucket=bucket, Key="staging/parts.bin", UploadId=upload, MultipartUpload={"Parts": parts})
head = janitor.head_object(Bucket=bucket, Key="staging/parts.bin")
holds("the parts are one object", head["ContentLength"] == sum(sizes) and head["ETag"].endswith('-2"'))

own = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
answer = writer.put_object(Bucket=bucket, Key="staging/customer.bin", Body=content, **own)
holds("what is encrypted with a key opens with it", reader.get_object(Bucket=bucket, Key="staging/customer.bin", **own)["Body"].read() == content)
holds("its tag does not tell the content", answer["ETag"].strip('"') != hashlib.md5(content).hexdigest())
other = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
refused("another key does not open it", lambda: reader.get_object(Bucket=bucket, Key="staging/customer.bin", **other))
of_source = {"CopySource" + name: value for name, value in own.items()}
source = {"Bucket": bucket, "Key": "staging/customer.bin"}
janitor.copy_object(Bucket=bucket, Key="files/customer.bin", CopySource=source, **of_source, **other)
holds("a copy can have another key", reader.get_object(Bucket=bucket, Key="files/customer.bin", **other)["Body"].read() == content)
answer = writer.put_object(Bucket=bucket, Key="staging/sealed.bin", Body=content, ServerSideEncryption="AES256")
sealed = reader.get_object(Bucket=bucket, Key="staging/sealed.bin")
holds("the store encrypts for who asks", answer["ServerSideEncryption"] == sealed["ServerSideEncryption"] == "AES256")
holds("and opens for who may read", sealed["Body"].read() == content)

url = reader.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": staged}, ExpiresIn=60)
holds("a presigned URL gives the bytes", urllib.request.urlopen(url).read() == content)
try:
    urllib.request.urlopen(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    sys.exit("was not refused: a tampered URL")
except urllib.error.HTTPError as error:
    holds("a tampered URL is refused", error.code == 403)

refused("the reader does not put", lambda: reader.put_object(Bucket=bucket, Key="staging/no", Body=b""))
refused("the reader does not list", lambda: reader.list_objects_v2(Bucket=bucket))
refused("the reader does not delete", lambda: reader.delete_object(Bucket=bucket, Key=staged))
refused("the writer does not get", lambda: writer.get_object(Bucket=bucket, Key=staged))
refused("the writer does not delete", lambda: writer.delete_object(Bucket=bucket, Key=staged))
refused("the writer does not write final keys", lambda: writer.put_object(Bucket=bucket, Key="files/no", Body=b""))
refused("the operator does not get", lambda: operator.get_object(Bucket=bucket, Key=staged))

encrypted = ("staging/customer.bin", "files/customer.bin", "staging/sealed.bin")
janitor.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in (staged, "files/copy.bin", "staging/parts.bin", *encrypted)]})
holds("what was deleted is gone", "Contents" not in janitor.list_objects_v2(Bucket=bucket))
print("all of it holds")
