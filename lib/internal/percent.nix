# Percent-encoding of addresses, which `builtins` lacks: https://www.rfc-editor.org/rfc/rfc3986#section-2.1
let
  inherit (builtins)
    bitAnd
    concatStringsSep
    elemAt
    filter
    fromJSON
    genList
    head
    isList
    length
    listToAttrs
    replaceStrings
    split
    stringLength
    substring
    ;

  hexDigits = "0123456789ABCDEF";
  digit = value: substring value 1 hexDigits;
  values = listToAttrs (
    genList (i: {
      name = digit i;
      value = i;
    }) 16
  );
  # The value of one hexadecimal digit, of either case.
  valueOf = character: values.${replaceStrings lowerHex upperHex character};
  lowerHex = [ "a" "b" "c" "d" "e" "f" ];
  upperHex = [ "A" "B" "C" "D" "E" "F" ];
  byteAt = run: i: 16 * valueOf (substring (3 * i + 1) 1 run) + valueOf (substring (3 * i + 2) 1 run);
  bytesOf = run: genList (byteAt run) (stringLength run / 3);

  # A 16-bit number as JSON writes a character.
  unit = n: "\\u${digit (n / 4096)}${digit (bitAnd (n / 256) 15)}${digit (bitAnd (n / 16) 15)}${digit (bitAnd n 15)}";
  character =
    code:
    if code < 65536 then
      unit code
    else
      unit (55296 + (code - 65536) / 1024) + unit (56320 + bitAnd (code - 65536) 1023);

  # How many bytes a character takes in UTF-8, by its first, and what of that byte is the character's.
  width = first: if first < 128 then 1 else if first < 224 then 2 else if first < 240 then 3 else 4;
  lead = first: elemAt [ first (bitAnd first 31) (bitAnd first 15) (bitAnd first 7) ] (width first - 1);
  drop = n: list: genList (i: elemAt list (i + n)) (length list - n);

  # JSON text of the characters of some bytes; null when they are no UTF-8.
  characters =
    bytes:
    let
      count = width (head bytes);
      continued = genList (i: elemAt bytes (i + 1)) (count - 1);
      rest = characters (drop count bytes);
      code = builtins.foldl' (sum: byte: 64 * sum + bitAnd byte 63) (lead (head bytes)) continued;
      valid =
        count <= length bytes
        && filter (byte: byte < 128 || byte > 191) continued == [ ]
        && (head bytes < 128 || head bytes > 193);
    in
    if bytes == [ ] then
      ""
    else if !valid || rest == null then
      null
    else
      character code + rest;

  decodeRun =
    run:
    let
      json = characters (bytesOf run);
    in
    if json == null then run else fromJSON "\"${json}\"";
in
{
  # A text with every %XX made the character it stands for; what is no UTF-8 stays.
  decode =
    text:
    concatStringsSep "" (
      map (part: if isList part then decodeRun (head part) else part) (
        split "((%[0-9A-Fa-f][0-9A-Fa-f])+)" text
      )
    );
}
