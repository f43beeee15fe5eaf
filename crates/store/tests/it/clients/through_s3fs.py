# Uses the store through s3fs, the file system for Python's data tools; prints a line for each thing that holds.

import s3fs

from place import LARGE, access_key, bucket, content, done, endpoint, gives, holds, place, region, secret_key, takes

PART = 5 << 20
fs = s3fs.S3FileSystem(
    key=access_key,
    secret=secret_key,
    endpoint_url=endpoint,
    client_kwargs={"region_name": region},
    # Without being told it signs requests by version 4, and links by version 2.
    config_kwargs={"signature_version": "s3v4"},
    default_block_size=PART,
    use_listings_cache=False,
)


def at(key):
    return f"{bucket}/{key}"


fs.mkdir("by-s3fs")
holds("buckets are listed", {bucket, "by-s3fs"} <= set(fs.ls("")))
fs.rmdir("by-s3fs")
holds("a bucket that was removed is not there", not fs.exists("by-s3fs"))

for key in place["keys"]:
    holds(f"{key!r} is read as it was given", fs.cat_file(at(f"given/{key}")) == content(f"given/{key}"))
# A name that ends in a slash is a folder here, which a file system only makes by what lies in it.
keys = [f"in/{key}" for key in place["keys"]]
fs.pipe({at(key): content(key) for key in keys})
for key in keys:
    holds(f"{key!r} has its content", fs.cat_file(at(key)) == content(key))
names = fs.find(at("in"))
holds("a list names every key once", sorted(names) == sorted(at(key) for key in keys), names)
holds("a list stops at folders", at("in/a") in fs.ls(at("in"), detail=False))
holds("a folder is one, a file is not", fs.isdir(at("in/a")) and fs.isfile(at(keys[0])) and not fs.isdir(at(keys[0])))
holds("a part of an object is read", fs.cat_file(at(keys[0]), start=5, end=9) == content(keys[0])[5:9])

for key in keys:
    fs.cp_file(at(key), at(f"out/{key}"))
    holds(f"the copy of {key!r} has its content", fs.cat_file(at(f"out/{key}")) == content(key))
fs.mv(at(f"out/{keys[0]}"), at("moved"))
holds("what was moved is elsewhere", fs.cat_file(at("moved")) == content(keys[0]) and not fs.exists(at(f"out/{keys[0]}")))

with fs.open(at("large"), "wb") as file:
    for start in range(0, len(LARGE), 1 << 20):
        file.write(LARGE[start : start + (1 << 20)])
holds("a large object went in parts", fs.info(at("large"))["ETag"].strip('"').endswith("-2"), fs.info(at("large")))
with fs.open(at("large"), "rb") as file:
    file.seek(PART - 3)
    holds("it is read from its middle", file.read(10) == LARGE[PART - 3 : PART + 7])
holds("its content is whole", fs.cat_file(at("large")) == LARGE)
fs.put_file(f"{place['folder']}/large", at("put"), chunksize=PART)
fs.get_file(at("put"), f"{place['folder']}/got")
with open(f"{place['folder']}/got", "rb") as file:
    holds("a file goes up in parts and comes down whole", file.read() == LARGE)
with fs.open(at("large"), "ab") as file:
    file.write(b"appended")
holds("what was there is copied below what is appended", fs.cat_file(at("large")) == LARGE + b"appended")
fs.merge(at("merged"), [at("large"), at("put")])
holds("an object is merged of others", fs.cat_file(at("merged")) == LARGE + b"appended" + LARGE)

fs.setxattr(at("moved"), copy_kwargs={"ContentType": "text/x-mine"}, who="Ada")
holds("metadata is kept", fs.getxattr(at("moved"), "who") == "Ada" and fs.info(at("moved"))["ContentType"] == "text/x-mine")
fs.put_tags(at("moved"), {"colour": "blue + green"})
holds("tags are kept", fs.get_tags(at("moved")) == {"colour": "blue + green"})

for key in keys:
    holds(f"a link to {key!r} gives its content", gives(fs.sign(at(key), expiration=300), content(key)))
    url = fs.url(at(f"put/{key}"), expires=300, client_method="put_object")
    holds(f"a link takes content for {key!r}", takes(url, content(key)) and fs.cat_file(at(f"put/{key}")) == content(key))

fs.rm_file(at(keys[0]))
holds("what was deleted is gone", not fs.exists(at(keys[0])))
fs.rm(at("in"), recursive=True)
holds("many are deleted at once", fs.find(at("in")) == [])
fs.rm([at(key) for key in ("given", "put", "out")] + [at(key) for key in ("large", "merged", "moved")], recursive=True)
holds("all are deleted", fs.find(bucket) == [], fs.find(bucket))
done()
