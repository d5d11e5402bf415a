package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.Embeddings;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Architecture.NormPlacement;
import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Architecture.PositionScheme;
import dev.bantam.checkpoint.Architecture.RelativeBias;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Small encoders with random weights of a size that makes every term count. */
final class TinyEncoder {
  static final int VOCABULARY = 40;
  static final int POSITIONS = 64;
  static final int CLASSES = 3;

  private TinyEncoder() {}

  /** Two layers of different shape, awkward widths. */
  static Architecture architecture(Activation activation) {
    return new Architecture(
        "bert",
        VOCABULARY,
        POSITIONS,
        2,
        21,
        7,
        List.of(new LayerShape(3, 26), new LayerShape(2, 19)),
        activation,
        NormPlacement.POST,
        PositionScheme.LEARNED,
        1e-12,
        0,
        true);
  }

  /**
   * Everything in which encoders differ from a BERT: narrower tables with a projection, no token
   * types, positions behind padding, two of three layers with the same weights, a bias by distance.
   */
  static Architecture unlikeBert(PoolerActivation activation) {
    return new Architecture(
        "mixture",
        VOCABULARY,
        POSITIONS,
        0,
        21,
        7,
        Collections.nCopies(3, new LayerShape(3, 26)),
        Activation.GELU_TANH,
        NormPlacement.POST,
        PositionScheme.LEARNED_AFTER_PADDING,
        1e-5,
        5,
        true,
        activation,
        new Embeddings(13, true),
        List.of(0, 1, 0),
        Optional.of(new RelativeBias(8, 6)));
  }

  static EncoderModel model(Activation activation, Pooling pooling, long seed, Workers workers) {
    return model(architecture(activation), pooling, seed, workers);
  }

  static EncoderModel model(
      Architecture architecture, Pooling pooling, long seed, Workers workers) {
    final Optional<Head> head =
        Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c")));
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    ParameterShapes.of(architecture, head, pooling)
        .forEach((name, shape) -> parameters.put(name, draw(name, shape, seed)));
    return new EncoderModel(architecture, head, pooling, parameters, workers);
  }

  private static INDArray draw(String name, long[] shape, long seed) {
    final Random random = new Random(seed * 1_000_003 + name.hashCode());
    int n = 1;
    for (long size : shape) {
      n *= (int) size;
    }
    final float[] values = new float[n];
    final boolean gamma = name.endsWith("LayerNorm.weight");
    final double scale = shape.length == 2 ? 0.25 : 0.1;
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * scale + (gamma ? 1 : 0));
    }
    return Floats.tensor(values, shape);
  }

  /** Random tokens in sequences of the given lengths. */
  static Batch batch(long seed, int... lengths) {
    final Random random = new Random(seed);
    final int[] offsets = new int[lengths.length + 1];
    for (int i = 0; i < lengths.length; i++) {
      offsets[i + 1] = offsets[i] + lengths[i];
    }
    final int tokens = offsets[lengths.length];
    final int[] ids = new int[tokens];
    final int[] types = new int[tokens];
    final int[] positions = new int[tokens];
    for (int s = 0; s < lengths.length; s++) {
      for (int t = offsets[s]; t < offsets[s + 1]; t++) {
        ids[t] = random.nextInt(VOCABULARY);
        types[t] = random.nextInt(2);
        positions[t] = t - offsets[s];
      }
    }
    return new Batch(ids, types, positions, offsets);
  }

  /** A smooth loss whose slopes are of order 1: a fixed random combination and half the square. */
  static Loss loss() {
    return (z, rows, columns, gradient) -> {
      double sum = 0;
      for (int i = 0; i < z.length; i++) {
        final double c = Math.sin(1 + 2.3 * i);
        sum += c * z[i] + 0.5 * z[i] * z[i];
        gradient[i] = (float) (c + z[i]);
      }
      return sum;
    };
  }

  /** A smooth loss term on one site. */
  static LossTerm term(Site site) {
    return new LossTerm() {
      @Override
      public List<Site> sites() {
        return List.of(site);
      }

      @Override
      public double apply(Batch batch, List<float[]> values, List<float[]> gradients) {
        final float[] x = values.get(0);
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
          final double c = Math.cos(0.7 * i);
          sum += (c * x[i] + 0.25 * x[i] * x[i]) / 8;
          gradients.get(0)[i] = (float) ((c + 0.5 * x[i]) / 8);
        }
        return sum;
      }
    };
  }

  static Map<String, float[]> gradients(
      EncoderModel model, Batch batch, List<LossTerm> terms, Model.Regularization regularization) {
    final Map<String, float[]> found = new LinkedHashMap<>();
    model.gradients(
        batch,
        loss(),
        terms,
        regularization,
        (name, gradient) -> found.put(name, Floats.toArray(gradient)));
    return found;
  }
}
