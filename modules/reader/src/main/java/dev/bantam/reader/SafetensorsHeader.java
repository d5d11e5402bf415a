package dev.bantam.reader;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file: its length as 8 bytes, a JSON object, then the data. What is
 * refused is what the format's own reader refuses, and equal names.
 *
 * @param entries by name, in the order of the text
 * @param metadata texts by name
 */
record SafetensorsHeader(Map<String, Entry> entries, Map<String, String> metadata) {
  private static final long LONGEST = 100_000_000;

  /** An entry before its place was checked; offsets count from the first byte of data. */
  private record Claim(String name, ElementType type, long[] shape, long begin, long end) {}

  static SafetensorsHeader read(DataFile file) throws IOException {
    final Place place = file.place();
    if (file.size() < Long.BYTES) {
      throw place.refuse(
          "%d bytes are too few for a safetensors file, which begins with the length of its header",
          file.size());
    }
    final long length =
        ByteBuffer.wrap(file.bytes(0, Long.BYTES)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (length < 0 || length > LONGEST) {
      throw place.refuse(
          "the length of the header is %s, beyond %d; this is no safetensors file",
          Long.toUnsignedString(length), LONGEST);
    }
    if (length > file.size() - Long.BYTES) {
      throw place.refuse(
          "the header takes %d bytes, and the file has %d in all; was it copied whole?",
          length, file.size());
    }
    final List<Claim> claims = new ArrayList<>();
    final Map<String, String> metadata = new LinkedHashMap<>();
    final JsonText json = JsonText.of(file.bytes(Long.BYTES, (int) length), "the header", place);
    json.object(
        name -> {
          if (name.equals("__metadata__")) {
            readMetadata(json, metadata);
          } else {
            claims.add(readClaim(name, json, place.at(name)));
          }
        });
    json.end();
    return new SafetensorsHeader(settle(file, claims, Long.BYTES + length), metadata);
  }

  private static void readMetadata(JsonText json, Map<String, String> metadata) throws IOException {
    if (!json.takeNull()) {
      json.object(key -> metadata.put(key, json.text()));
    }
  }

  private static Claim readClaim(String name, JsonText json, Place place) throws IOException {
    final ElementType[] type = new ElementType[1];
    final long[][] shape = new long[1][];
    final long[][] offsets = new long[1][];
    json.object(
        key -> {
          switch (key) {
            case "dtype" -> type[0] = type(json.text(), place);
            case "shape" -> shape[0] = counts(json);
            case "data_offsets" -> offsets[0] = counts(json);
            default -> json.skip();
          }
        });
    if (type[0] == null || shape[0] == null || offsets[0] == null) {
      throw place.refuse("the header has to give dtype, shape and data_offsets");
    }
    if (offsets[0].length != 2) {
      throw place.refuse("data_offsets are begin and end, and %d are given", offsets[0].length);
    }
    return new Claim(name, type[0], shape[0], offsets[0][0], offsets[0][1]);
  }

  private static ElementType type(String name, Place place) throws PackedModelException {
    for (final ElementType type : ElementType.values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw place.refuse(
        "there is no type '%s' in safetensors files; they are %s",
        name, Arrays.toString(ElementType.values()));
  }

  private static long[] counts(JsonText json) throws IOException {
    final List<Long> counts = new ArrayList<>();
    json.array(() -> counts.add(json.count()));
    return counts.stream().mapToLong(Long::longValue).toArray();
  }

  /** Checks that the entries fill the data one after another, without overlap or hole. */
  private static Map<String, Entry> settle(DataFile file, List<Claim> claims, long data)
      throws PackedModelException {
    final List<Claim> placed = new ArrayList<>(claims);
    placed.sort(Comparator.comparingLong(Claim::begin).thenComparingLong(Claim::end));
    long end = 0;
    for (final Claim claim : placed) {
      if (claim.begin() != end || claim.end() < claim.begin()) {
        throw file.place()
            .at(claim.name())
            .refuse(
                "its data_offsets are %d and %d, and the data before it ends at %d",
                claim.begin(), claim.end(), end);
      }
      end = claim.end();
    }
    if (end != file.size() - data) {
      throw file.place()
          .refuse(
              "the header describes %d bytes of data, and the file has %d; was it copied whole?",
              end, file.size() - data);
    }
    final Map<String, Entry> entries = new LinkedHashMap<>();
    for (final Claim claim : claims) {
      entries.put(claim.name(), entry(file, claim, data));
    }
    return entries;
  }

  private static Entry entry(DataFile file, Claim claim, long data) throws PackedModelException {
    final Place place = file.place().at(claim.name());
    long elements = 1;
    for (final long dimension : claim.shape()) {
      elements = place.times(elements, dimension);
    }
    final long bits = place.times(elements, claim.type().bits());
    if (bits % 8 != 0) {
      throw place.refuse("%d elements of %s do not fill whole bytes", elements, claim.type());
    }
    if (bits / 8 != claim.end() - claim.begin()) {
      throw place.refuse(
          "%s%s takes %d bytes, and the header gives it %d",
          claim.type(), Arrays.toString(claim.shape()), bits / 8, claim.end() - claim.begin());
    }
    return new Entry(
        file, claim.name(), claim.type(), claim.shape(), elements, data + claim.begin());
  }
}
