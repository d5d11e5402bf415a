package dev.bantam.data;

import dev.bantam.tensor.Hashes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * SHA-256 as a source of decisions that are the same on every machine: which split a text belongs
 * to, which rows a sample holds, how a run is shuffled.
 */
public final class StableHash {
  private static final double TWO_TO_32 = 0x1p32;

  private StableHash() {}

  /** {@code h(s)} in [0, 1): the first 8 hex digits of SHA-256 of the UTF-8 bytes, over 2^32. */
  public static double fraction(String s) {
    return (ByteBuffer.wrap(digest(s)).getInt() & 0xFFFFFFFFL) / TWO_TO_32;
  }

  /** A seed: the first 8 bytes, big endian, of SHA-256 of the UTF-8 bytes. */
  public static long seed(String s) {
    return ByteBuffer.wrap(digest(s)).getLong();
  }

  /** SHA-256 of the UTF-8 bytes, 64 lower-case hex digits. */
  public static String sha256(String s) {
    return HexFormat.of().formatHex(digest(s));
  }

  /** A copy in ascending order of h(key); what has equal hashes keeps its order. */
  static <T> List<T> sorted(List<T> items, Function<T, String> key) {
    final Map<T, Double> hashes = new HashMap<>(); // looked up only, never iterated
    items.forEach(item -> hashes.put(item, fraction(key.apply(item))));
    return items.stream().sorted(Comparator.comparingDouble(hashes::get)).toList();
  }

  private static byte[] digest(String s) {
    return Hashes.sha256().digest(s.getBytes(StandardCharsets.UTF_8));
  }
}
