package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Hashes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/** Rules that pick rows from lists of examples by the hash of their text. */
public final class Examples {
  /** Share of the training file that is set aside for choices. */
  static final double TUNE_SHARE = 0.1;

  private Examples() {}

  /** Whether an example of the training file is set aside: {@code h("tune" + text) < 0.1}. */
  public static boolean isTune(Example example) {
    return StableHash.fraction("tune" + example.joined()) < TUNE_SHARE;
  }

  /**
   * The n examples with the smallest {@code h("ex" + seed + text)}, in the order they have in
   * {@code train}. Examples of equal hash count in that order too.
   *
   * @param train what to pick from, tune already taken out
   * @param n how many, at least 1
   * @throws BantamException ({@link ExitCode#BAD_FILE}) if there are fewer than n
   */
  public static List<Example> select(List<Example> train, int n, long seed) {
    if (n < 1) {
      throw new IllegalArgumentException("At least one example must be selected, not " + n);
    }
    if (n > train.size()) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "'examples: "
              + n
              + "' asks for more than the "
              + train.size()
              + " training examples there are (tune is already set aside). Write a number up to "
              + train.size()
              + ", or leave the key out to train on all of them.");
    }
    final double[] keys =
        train.stream().mapToDouble(e -> StableHash.fraction("ex" + seed + e.joined())).toArray();
    final List<Integer> order = new ArrayList<>(train.size());
    for (int i = 0; i < keys.length; i++) {
      order.add(i);
    }
    order.sort(Comparator.comparingDouble(i -> keys[i]));
    final int[] chosen = order.subList(0, n).stream().mapToInt(Integer::intValue).toArray();
    Arrays.sort(chosen);
    return Arrays.stream(chosen).mapToObj(train::get).toList();
  }

  /**
   * SHA-256 of texts, labels, targets and tags in order, for manifests and cell keys. Every text
   * enters with its length, so that no two lists share the bytes.
   */
  public static String sha256(List<Example> examples) {
    final MessageDigest digest = Hashes.sha256();
    for (Example e : examples) {
      update(digest, e.text());
      update(digest, e.pair());
      final ByteBuffer numbers = ByteBuffer.allocate(Integer.BYTES + Long.BYTES);
      digest.update(numbers.putInt(e.label()).putLong(Double.doubleToLongBits(e.target())).array());
      if (!e.tags()
          .isEmpty()) { // other examples keep the hashes that they had before there were tags
        final ByteBuffer tags = ByteBuffer.allocate(Integer.BYTES * e.tags().size());
        e.tags().forEach(tags::putInt);
        digest.update(tags.array());
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void update(MessageDigest digest, String text) {
    final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
    digest.update(bytes);
  }
}
