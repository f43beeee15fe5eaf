# Signs each case of standard input (one JSON object a line) with boto3 at the case's own clock and answers one line each.

import datetime
import json
import sys
import time

import boto3
import botocore.auth
import botocore.signers
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

CLIENTS = {}


def set_clock(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)

    def now(remove_tzinfo=True):
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    class Clock:
        # Version 2 asks the time module itself.
        def __getattr__(self, name):
            return (lambda: float(seconds)) if name == "time" else getattr(time, name)

    botocore.auth.get_current_datetime = now
    botocore.auth.time = Clock()
    botocore.signers.get_current_datetime = now


def client(place, who, version):
    # Making a client takes longer than a hundred signatures, and the cases share a few.
    name = json.dumps([place, who, version], sort_keys=True)
    if name not in CLIENTS:
        CLIENTS[name] = boto3.client(
            "s3",
            region_name=place["region"],
            endpoint_url=place.get("endpoint"),
            aws_access_key_id=who["access_key"],
            aws_secret_access_key=who["secret_key"],
            aws_session_token=who.get("token"),
            config=Config(
                signature_version=version,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={
                    "addressing_style": place["addressing"],
                    "use_accelerate_endpoint": place.get("accelerate", False),
                    "use_dualstack_endpoint": place.get("dual_stack", False),
                    "us_east_1_regional_endpoint": "regional",
                },
            ),
        )
    return CLIENTS[name]


def presign(case):
    s3 = client(case["place"], case["who"], case["version"])
    return {"url": s3.generate_presigned_url(case["operation"], Params=case["params"], ExpiresIn=case["seconds"])}


def post(case):
    s3 = client(case["place"], case["who"], "s3v4")
    form = s3.generate_presigned_post(
        case["bucket"], case["key"], Fields=case["fields"], Conditions=case["conditions"], ExpiresIn=case["seconds"]
    )
    # No two libraries write a policy alike, so botocore signs ours as well.
    who = case["who"]
    signer = botocore.auth.S3SigV4PostAuth(
        Credentials(who["access_key"], who["secret_key"]), "s3", case["place"]["region"]
    )
    request = AWSRequest()
    request.context["timestamp"] = form["fields"]["x-amz-date"]
    ours = signer.signature(case["ours"], request)
    return {"url": form["url"], "fields": list(form["fields"].items()), "ours": ours}


def headers(case):
    who = case["who"]
    request = AWSRequest(method=case["method"], url=case["url"], headers=dict(case["headers"]), data=b"")
    credentials = Credentials(who["access_key"], who["secret_key"], who.get("token"))
    botocore.auth.S3SigV4Auth(credentials, "s3", case["place"]["region"]).add_auth(request)
    return {"authorization": request.headers["Authorization"]}


for line in sys.stdin:
    given = json.loads(line)
    set_clock(given["now"])
    answer = {"presign": presign, "post": post, "headers": headers}[given["kind"]](given)
    print(json.dumps(answer), flush=True)
