//! Step two of Signature Version 4: the string to sign, which binds a canonical request to a time and a scope.

use crate::encode;
use crate::moment::AmzDate;

/// The only algorithm of S3's symmetric signatures.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last word of every scope.
pub(crate) const TERMINATOR: &str = "aws4_request";

/// `20130524/us-east-1/s3/aws4_request`: the day, region and service a signing key is made for.
pub(crate) fn scope(date: &str, region: &str, service: &str) -> String {
    format!("{date}/{region}/{service}/{TERMINATOR}")
}

/// All of the string to sign but its last line. It is the same for every request of one second.
pub(crate) fn head(date: &AmzDate, scope: &str) -> String {
    format!("{ALGORITHM}\n{}\n{scope}\n", date.as_str())
}

/// The whole text: the head and the hex digest of the canonical request.
pub(crate) fn text(head: &str, canonical_request: &[u8; 32]) -> String {
    format!("{head}{}", encode::hex_string(canonical_request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical_request::{CanonicalRequest, Rest};
    use crate::query;
    use crate::sha256;
    use crate::signature::SigningKey;
    use crate::signed_headers::SignedHeaders;

    /// A request as it is before it is signed, and the signature that was published for it.
    struct Published {
        name: &'static str,
        method: &'static str,
        path: &'static str,
        query: &'static [(&'static str, &'static str)],
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
        signature: &'static str,
    }

    const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// Of the AWS Signature Version 4 test suite, what holds for S3 too: the vectors that do not normalise paths.
    const SUITE: [Published; 12] = [
        Published {
            name: "get-vanilla",
            method: "GET",
            path: "/",
            query: &[],
            headers: &[],
            body: "",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        },
        Published {
            name: "get-vanilla-query-order-key-case",
            method: "GET",
            path: "/",
            query: &[("Param2", "value2"), ("Param1", "value1")],
            headers: &[],
            body: "",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        },
        Published {
            name: "get-vanilla-utf8-query",
            method: "GET",
            path: "/",
            query: &[("ሴ", "bar")],
            headers: &[],
            body: "",
            signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        },
        Published {
            name: "get-vanilla-query-unreserved",
            method: "GET",
            path: "/",
            query: &[(UNRESERVED, UNRESERVED)],
            headers: &[],
            body: "",
            signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        },
        Published {
            name: "get-utf8",
            method: "GET",
            path: "/ሴ",
            query: &[],
            headers: &[],
            body: "",
            signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        },
        Published {
            name: "get-unreserved",
            method: "GET",
            path: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            query: &[],
            headers: &[],
            body: "",
            signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        },
        Published {
            name: "get-space-unnormalized",
            method: "GET",
            path: "/example space/",
            query: &[],
            headers: &[],
            body: "",
            signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        },
        Published {
            name: "get-slashes-unnormalized",
            method: "GET",
            path: "//example//",
            query: &[],
            headers: &[],
            body: "",
            signature: "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
        },
        Published {
            name: "get-header-value-trim",
            method: "GET",
            path: "/",
            query: &[],
            headers: &[("My-Header1", "value1"), ("My-Header2", " \"a   b   c\"")],
            body: "",
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        },
        Published {
            name: "post-vanilla",
            method: "POST",
            path: "/",
            query: &[],
            headers: &[],
            body: "",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        },
        Published {
            name: "post-header-key-sort",
            method: "POST",
            path: "/",
            query: &[],
            headers: &[("My-Header1", "value1")],
            body: "",
            signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        },
        Published {
            name: "post-x-www-form-urlencoded",
            method: "POST",
            path: "/",
            query: &[],
            headers: &[("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", "13")],
            body: "Param1=value1",
            signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        },
    ];

    #[test]
    fn the_published_suite_is_signed_as_published() {
        let date = AmzDate::from_unix(1_440_938_160).unwrap();
        assert_eq!(date.as_str(), "20150830T123600Z");
        let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", date.date(), "us-east-1", "service");
        let head = head(&date, &scope(date.date(), "us-east-1", "service"));
        for Published { name, method, path, query, headers, body, signature } in SUITE {
            let payload = encode::hex_string(&sha256::digest(body.as_bytes()));
            let mut own: Vec<query::Pair<'_>> =
                headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            if !body.is_empty() {
                own.push(("x-amz-content-sha256".into(), payload.as_str().into()));
            }
            let added = [("x-amz-date", date.as_str())];
            let headers = SignedHeaders::of_request("example.amazonaws.com", &added, &own).unwrap();
            let mut encoded_path = String::new();
            encode::path(&mut encoded_path, path.as_bytes());
            let pairs: Vec<query::Pair<'_>> =
                query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let mut encoded_query = String::new();
            query::append(&mut encoded_query, &pairs, false);
            let rest = Rest::Parts { query: &encoded_query, headers: &headers, payload: &payload };
            let request = CanonicalRequest { method, path: &encoded_path, rest };
            let digest = request.digest();
            assert_eq!(digest, sha256::digest(request.text().as_bytes()), "{name}");
            let whole = key.sign(text(&head, &digest).as_bytes());
            assert_eq!(encode::hex_string(&whole), signature, "{name}\n{}", request.text());
            assert_eq!(key.begin(&head).sign(&digest).as_slice(), signature.as_bytes(), "{name}");
        }
    }
}
