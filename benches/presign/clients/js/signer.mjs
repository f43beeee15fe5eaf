// Signs with the presigners of AWS's SDK at the bench's asking and tells how much processor time that took: a line of
// JSON in, one out.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";

import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

/** One function a key for each operation, with a client that was made once. */
function signers(task) {
  const client = new S3Client({
    region: task.region,
    credentials: { accessKeyId: task.access_key, secretAccessKey: task.secret_key },
    // Otherwise it signs a checksum of a body that it does not have, and asks for one with a body that it gets.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const { bucket: Bucket, headers, life: expiresIn } = task;
  const url = (Command, extra = {}, options = {}) => (Key) =>
    getSignedUrl(client, new Command({ Bucket, Key, ...extra }), { expiresIn, ...options });
  return {
    get: url(GetObjectCommand),
    get_named: url(GetObjectCommand, { ResponseContentDisposition: task.disposition }),
    put: url(PutObjectCommand),
    put_signed: url(
      PutObjectCommand,
      {
        ContentLength: Number(headers["content-length"]),
        ContentType: headers["content-type"],
        ChecksumSHA256: headers["x-amz-checksum-sha256"],
      },
      {
        signableHeaders: new Set(["host", ...Object.keys(headers)]),
        unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
      },
    ),
    post: async (Key) => {
      const form = await createPresignedPost(client, {
        Bucket,
        Key,
        Fields: { "Content-Type": headers["content-type"] },
        Conditions: [["content-length-range", task.least, task.most]],
        Expires: expiresIn,
      });
      return form.fields;
    },
  };
}

async function answer(question, task, sign) {
  if (question.sign) {
    const signed = await sign[question.sign](question.key);
    return typeof signed === "string" ? { url: signed } : { fields: signed };
  }
  const one = sign[question.time];
  const begin = process.cpuUsage();
  for (let at = 0; at < question.count; at++) {
    await one(task.keys[at % task.keys.length]);
  }
  const { user, system } = process.cpuUsage(begin);
  return { nanoseconds: (user + system) * 1000 };
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

let task, sign;
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  if (task) {
    say(await answer(question, task, sign));
  } else {
    task = question;
    sign = signers(task);
    const { version } = createRequire(import.meta.url)("@aws-sdk/s3-request-presigner/package.json");
    say({ version });
  }
}
