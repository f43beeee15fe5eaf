# Uses the store as a Django application does that keeps its files by django-storages; prints a line for each thing that holds.

import django
from boto3.s3.transfer import TransferConfig
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from place import LARGE, access_key, bucket, content, done, endpoint, gives, holds, place, region, secret_key, send, takes

PART = 5 << 20
settings.configure(
    STORAGES={
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "access_key": access_key,
                "secret_key": secret_key,
                "endpoint_url": endpoint,
                "region_name": region,
                "bucket_name": bucket,
                "signature_version": "s3v4",
                "addressing_style": "path",
                "default_acl": None,
                "file_overwrite": False,
                "querystring_expire": 300,
                "object_parameters": {"CacheControl": "private, max-age=60", "Metadata": {"who": "Ada"}},
                "transfer_config": TransferConfig(multipart_threshold=PART, multipart_chunksize=PART),
            },
        }
    }
)
django.setup()
storage = storages["default"]


def read(name):
    with storage.open(name) as file:
        return file.read()


# The names are cleaned like paths before they are used, so none keeps an empty segment.
for key in place["keys"]:
    holds(f"{key!r} is read as it was given", "//" in key or read(f"given/{key}") == content(f"given/{key}"))
keys = [f"in/{key}" for key in place["keys"] if "//" not in key]
for key in keys:
    holds(f"{key!r} is kept under its name", storage.save(key, ContentFile(content(key))) == key)
for key in keys:
    holds(f"{key!r} has its content", read(key) == content(key) and storage.size(key) == len(content(key)))
    holds(f"a link to {key!r} gives its content", gives(storage.url(key), content(key)))
other = storage.save(keys[0], ContentFile(b"another"))
holds("a name that is taken is not overwritten", other != keys[0] and (read(other), read(keys[0])) == (b"another", content(keys[0])))
folders, files = storage.listdir("in")
at_top = [key.removeprefix("in/") for key in keys + [other] if "/" not in key.removeprefix("in/")]
holds("a list names the files of a folder", sorted(files) == sorted(at_top), files)
holds("and its folders", sorted(folders) == sorted({key.split("/")[1] for key in keys if key.count("/") > 1}), folders)
holds("the time of a change is told", storage.get_modified_time(keys[0]).year > 2000)
kept = storage.bucket.Object(keys[0])
holds("metadata is kept", (kept.metadata, kept.cache_control) == ({"who": "Ada"}, "private, max-age=60"), kept.metadata)
url = storage.url(keys[0], parameters={"ResponseContentDisposition": 'attachment; filename="a b.txt"'}, expire=60)
holds("a link may rename what it gives", gives(url, content(keys[0])))
url = storage.url("by a link.txt", http_method="PUT", expire=60)
holds("a link takes content", takes(url, b"handed in") and read("by a link.txt") == b"handed in")
holds("a link for reading takes none", send(storage.url("never"), "PUT", b"no")[0] == 403 and not storage.exists("never"))

storage.save("large", ContentFile(LARGE))
holds("a large file went in parts", storage.bucket.Object("large").e_tag.strip('"').endswith("-2"))
holds("its content is whole", read("large") == LARGE)
with storage.open("written", "wb") as file:
    for start in range(0, len(LARGE), 1 << 20):
        file.write(LARGE[start : start + (1 << 20)])
holds("so is that of a file that is written piece by piece", read("written") == LARGE)

for key in keys + ["large"]:
    # Storages of Django know no copy; its bucket does, and copies the large one in parts.
    storage.bucket.copy({"Bucket": bucket, "Key": key}, f"out/{key}", Config=storage.transfer_config)
    holds(f"the copy of {key!r} has its content", read(f"out/{key}") == (LARGE if key == "large" else content(key)))

for key in [row.key for row in storage.bucket.objects.all() if "//" not in row.key]:
    storage.delete(key)
    holds(f"{key!r} is gone", not storage.exists(key))
left = [row.key for row in storage.bucket.objects.all()]
holds("only what has no name here is left", left and all("//" in key for key in left), left)
done()
