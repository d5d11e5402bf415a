package dev.bantam.checkpoint;

import dev.bantam.tensor.Hashes;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Weights as BERT starts its training with: matrices and tables normal(0, 0.02), LayerNorm 1 and 0,
 * biases 0. Each tensor has its own stream, seeded by (seed, name), so a tensor does not depend on
 * which others are drawn; the same seed gives the same bits on every machine.
 */
final class RandomWeights {
  private static final double DEVIATION = 0.02;

  private RandomWeights() {}

  static Map<String, INDArray> draw(Architecture architecture, Optional<Head> head, long seed) {
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    EncoderParameters.shapes(architecture, head)
        .forEach((name, shape) -> parameters.put(name, draw(name, shape, seed)));
    return parameters;
  }

  private static INDArray draw(String name, long[] shape, long seed) {
    if (name.endsWith(".bias")) {
      return FloatTensors.create(shape, (from, tile, count) -> fill(tile, count, 0f));
    }
    if (name.endsWith("LayerNorm.weight")) {
      return FloatTensors.create(shape, (from, tile, count) -> fill(tile, count, 1f));
    }
    final Gaussians gaussians = new Gaussians(seed(name, seed));
    return FloatTensors.create(
        shape,
        (from, tile, count) -> {
          for (int i = 0; i < count; i++) {
            tile[i] = (float) (DEVIATION * gaussians.next());
          }
        });
  }

  private static void fill(float[] tile, int count, float value) {
    for (int i = 0; i < count; i++) {
      tile[i] = value;
    }
  }

  private static long seed(String name, long seed) {
    final MessageDigest digest = Hashes.sha256();
    digest.update((seed + "\n" + name + "\nrandom-weights").getBytes(StandardCharsets.UTF_8));
    return java.nio.ByteBuffer.wrap(digest.digest()).getLong();
  }

  /** Marsaglia's polar method, with StrictMath so that the bits are the same everywhere. */
  private static final class Gaussians {
    private final SplittableRandom random;
    private double spare;
    private boolean hasSpare;

    Gaussians(long seed) {
      random = new SplittableRandom(seed);
    }

    double next() {
      if (hasSpare) {
        hasSpare = false;
        return spare;
      }
      double u;
      double v;
      double s;
      do {
        u = 2 * random.nextDouble() - 1;
        v = 2 * random.nextDouble() - 1;
        s = u * u + v * v;
      } while (s >= 1 || s == 0);
      final double scale = StrictMath.sqrt(-2 * StrictMath.log(s) / s);
      spare = v * scale;
      hasSpare = true;
      return u * scale;
    }
  }
}
