# Signs with boto3 at the bench's asking and tells how much processor time that took: a line of JSON in, one out.

import itertools
import json
import sys
import time

import boto3
from botocore.config import Config


def signers(task):
    """One function a key for each operation, with a client that was made once."""
    client = boto3.client(
        "s3",
        region_name=task["region"],
        aws_access_key_id=task["access_key"],
        aws_secret_access_key=task["secret_key"],
        endpoint_url=f"https://s3.{task['region']}.amazonaws.com",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual"},
            request_checksum_calculation="when_required",
        ),
    )
    headers = task["headers"]

    def url(operation, **extra):
        def sign(key):
            parameters = {"Bucket": task["bucket"], "Key": key, **extra}
            return client.generate_presigned_url(operation, Params=parameters, ExpiresIn=task["life"])

        return sign

    def post(key):
        form = client.generate_presigned_post(
            task["bucket"],
            key,
            Fields={"Content-Type": headers["content-type"]},
            Conditions=[
                {"Content-Type": headers["content-type"]},
                ["content-length-range", task["least"], task["most"]],
            ],
            ExpiresIn=task["life"],
        )
        return form["fields"]

    return {
        "get": url("get_object"),
        "get_named": url("get_object", ResponseContentDisposition=task["disposition"]),
        "put": url("put_object"),
        "put_signed": url(
            "put_object",
            ContentLength=int(headers["content-length"]),
            ContentType=headers["content-type"],
            ChecksumSHA256=headers["x-amz-checksum-sha256"],
        ),
        "post": post,
    }


def answer(question, task, sign):
    if "sign" in question:
        signed = sign[question["sign"]](question["key"])
        return {"url": signed} if isinstance(signed, str) else {"fields": signed}
    one = sign[question["time"]]
    keys = itertools.islice(itertools.cycle(task["keys"]), question["count"])
    begin = time.process_time_ns()
    for key in keys:
        one(key)
    return {"nanoseconds": time.process_time_ns() - begin}


def main():
    task = json.loads(sys.stdin.readline())
    sign = signers(task)
    print(json.dumps({"version": boto3.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), task, sign)), flush=True)


main()
