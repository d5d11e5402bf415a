package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.compression.BlockFisher;
import dev.bantam.compression.Cholesky;
import dev.bantam.pruning.Surgeon.UpdateRule;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Inverse, scores, masks and weights against SparseML's own code, event by event. */
class ObertGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  static Stream<Path> events() {
    return GoldenCase.folders("pruning", "obs-").stream()
        .filter(p -> !p.getFileName().toString().contains("recompute"));
  }

  static Stream<Path> recomputations() {
    return GoldenCase.folders("pruning", "obs-recompute").stream();
  }

  /** One event of a case: what goes in, by tensor. */
  private static final class Event {
    final GoldenCase golden;
    final String suffix;
    final int tensors;
    final float[][] weights;
    final boolean[][] kept;
    final BlockFisher[] fishers;
    final int group;

    /**
     * @param gradients start of the names of the gradients
     * @param earlier start of the suffix of the event before, or null for the first
     */
    Event(GoldenCase golden, String suffix, String gradients, String earlier) {
      this.golden = golden;
      this.suffix = suffix;
      final JsonNode parameters = golden.parameters();
      this.group = parameters.path("mask_type").asText().equals("block4") ? 4 : 1;
      int count = 0;
      while (golden.has("in.w" + count)) {
        count++;
      }
      this.tensors = count;
      weights = new float[tensors][];
      kept = new boolean[tensors][];
      fishers = new BlockFisher[tensors];
      for (int t = 0; t < tensors; t++) {
        weights[t] =
            earlier == null
                ? golden.floats("in.w" + t)
                : narrow(golden.doubles("out.weights_" + earlier + "_t" + t));
        kept[t] = new boolean[weights[t].length];
        final byte[] mask = earlier == null ? null : golden.bytes("out.mask_" + earlier + "_t" + t);
        for (int i = 0; i < kept[t].length; i++) {
          kept[t][i] = mask == null || mask[i] != 0;
        }
        fishers[t] = fisher(gradients + "_t" + t, weights[t].length, kept[t]);
      }
    }

    private BlockFisher fisher(String name, int elements, boolean[] kept) {
      final boolean wide = golden.entry(name).type().bits() == 64;
      final float[] all = wide ? narrow(golden.doubles(name)) : golden.floats(name);
      final BlockFisher fisher =
          new BlockFisher(elements, golden.parameters().path("fisher_block_size").asInt(), 5);
      for (int from = 0; from < all.length; from += elements) {
        final float[] one = Arrays.copyOfRange(all, from, from + elements);
        fisher.buffer(Floats.of(Floats.tensor(one, elements)), kept);
        if (fisher.isFull()) {
          fisher.flush(WORKERS);
        }
      }
      fisher.flush(WORKERS);
      return fisher;
    }

    private Surgeon surgeon(int t, UpdateRule rule) {
      return new Surgeon(
          "t" + t,
          fishers[t],
          golden.parameters().path("damp").asDouble(),
          golden.parameters().path("num_grads").asLong(),
          rule);
    }

    void check(double target) {
      final double[][] scores = new double[tensors][];
      for (int t = 0; t < tensors; t++) {
        inverse(t);
        scores[t] = new double[weights[t].length / group];
        surgeon(t, UpdateRule.SUMMED).scores(group, weights[t], kept[t], scores[t], WORKERS);
        scores(t, scores[t]);
      }
      final boolean[][] marks = marks(scores, target);
      for (int t = 0; t < tensors; t++) {
        final boolean[] removed = new boolean[weights[t].length];
        final byte[] mask = golden.bytes("out.mask_" + suffix + "_t" + t);
        for (int i = 0; i < removed.length; i++) {
          final boolean gone = marks[t][i / group] || !kept[t][i];
          removed[i] = gone && kept[t][i];
          assertEquals(mask[i] == 0, gone, suffix + " tensor " + t + " weight " + i);
        }
        weights(t, removed, UpdateRule.SUMMED, "weights_");
        weights(t, removed, UpdateRule.JOINT, "joint_weights_");
      }
    }

    private boolean[][] marks(double[][] scores, double target) {
      if (golden.parameters().path("global_sparsity").asBoolean()) {
        int total = 0;
        for (double[] s : scores) {
          total += s.length;
        }
        return LowestScores.mark(scores, (long) Math.rint(total * target));
      }
      final boolean[][] marks = new boolean[tensors][];
      for (int t = 0; t < tensors; t++) {
        marks[t] =
            LowestScores.mark(
                new double[][] {scores[t]}, (long) Math.rint(scores[t].length * target))[0];
      }
      return marks;
    }

    private void inverse(int t) {
      final String name = "out.finv_" + suffix + "_t" + t;
      if (!golden.has(name)) {
        return;
      }
      final double[] expected = golden.doubles(name);
      final int side = fishers[t].block();
      for (int b = 0; b < fishers[t].blocks(); b++) {
        final int n = fishers[t].length(b);
        final double[] f = new double[n * n];
        final double[] v = new double[n * n];
        fishers[t].matrix(
            b,
            golden.parameters().path("damp").asDouble(),
            golden.parameters().path("num_grads").asLong(),
            fishers[t].scratch(),
            f);
        assertTrue(Cholesky.factor(f, n));
        Cholesky.invert(f, n, v);
        double largest = 0;
        for (int i = 0; i < n; i++) {
          largest = Math.max(largest, Math.abs(expected[(b * side + i) * side + i]));
        }
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < n; j++) {
            assertEquals(
                expected[(b * side + i) * side + j],
                Cholesky.inverseElement(v, n, i, j),
                1e-8 * largest,
                name + " block " + b + " at " + i + ", " + j);
          }
        }
      }
    }

    private void scores(int t, double[] scores) {
      final double[] expected = golden.doubles("out.scores_" + suffix + "_t" + t);
      for (int i = 0; i < expected.length; i++) {
        final double got = scores[i / group];
        if (Double.isInfinite(expected[i])) {
          assertEquals(expected[i], got);
        } else {
          assertEquals(expected[i], got, 1e-6 * Math.abs(expected[i]) + 1e-14, "score " + i);
        }
      }
    }

    private void weights(int t, boolean[] removed, UpdateRule rule, String what) {
      final String name = "out." + what + suffix + "_t" + t;
      if (!golden.has(name)) {
        return;
      }
      final float[] moved = weights[t].clone();
      final double loss = surgeon(t, rule).remove(group, moved, kept[t], removed, WORKERS);
      final double[] expected = golden.doubles(name);
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], moved[i], 3e-7 * Math.max(0.1, Math.abs(expected[i])), name);
      }
      final JsonNode predicted =
          golden.expected().path("joint_predicted_loss_" + suffix + "_t" + t);
      if (rule == UpdateRule.JOINT && !predicted.isMissingNode()) {
        assertEquals(predicted.asDouble(), loss, 1e-6 * predicted.asDouble() + 1e-15);
      }
    }
  }

  private static float[] narrow(double[] values) {
    final float[] narrow = new float[values.length];
    for (int i = 0; i < narrow.length; i++) {
      narrow[i] = (float) values[i];
    }
    return narrow;
  }

  @ParameterizedTest
  @MethodSource("events")
  void everyEventOfACase(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final JsonNode targets = golden.parameters().path("targets");
      for (int e = 0; e < targets.size(); e++) {
        new Event(golden, "e" + e, "in.grads_e" + e, e == 0 ? null : "e" + (e - 1))
            .check(targets.get(e).asDouble());
      }
      assertTrue(targets.size() > 0);
    }
  }

  @ParameterizedTest
  @MethodSource("recomputations")
  void recomputationsGoTowardsTheTargetInEqualSteps(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final int count = golden.parameters().path("num_recomputations").asInt();
      final double target = golden.parameters().path("target").asDouble();
      for (int r = 0; r < count; r++) {
        new Event(golden, "r" + r, "out.grads_r" + r, r == 0 ? null : "r" + (r - 1))
            .check(target * (r + 1) / count);
      }
      assertEquals(2, count);
    }
  }

  /** Ties and counts on given scores. */
  @ParameterizedTest
  @MethodSource("masks")
  void masksOfGivenScores(String scores, double sparsity) {
    final List<Path> folders = GoldenCase.folders("pruning", "masks-sparseml");
    try (GoldenCase golden = new GoldenCase(folders.get(0))) {
      final double[] wide = golden.doubles("in." + scores);
      final boolean[] marks =
          LowestScores.mark(new double[][] {wide}, (long) Math.rint(wide.length * sparsity))[0];
      final byte[] mask =
          golden.bytes(String.format(Locale.ROOT, "out.%s_s%.3f", scores, sparsity));
      final byte[] got = new byte[mask.length];
      for (int i = 0; i < got.length; i++) {
        got[i] = (byte) (marks[i] ? 0 : 1);
      }
      assertArrayEquals(mask, got, scores + " " + sparsity);
    }
  }

  static Stream<Arguments> masks() {
    return Stream.of(
            new Object[] {"distinct", 0.5},
            new Object[] {"distinct", 0.1},
            new Object[] {"distinct", 0.9},
            new Object[] {"ties", 0.3},
            new Object[] {"ties", 0.5},
            new Object[] {"ties", 0.73})
        .map(Arguments::of);
  }
}
