package dev.bantam.binarization;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Decides the coding of an encoder and puts it on the live model.
 *
 * @param method which family
 * @param weights bits of matrices, 1 or 2
 * @param words bits of the word table, 1 or 2; {@link #FLOAT} to leave it
 * @param activations bits of activations, 1 to 8; {@link #FLOAT} to leave them
 * @param threshold of Bi-Attention
 * @param relu whether BiT's FFN has ReLU
 * @param scaleRate what the learning rate of scales is multiplied with
 */
record Coders(
    Method method,
    int weights,
    int words,
    int activations,
    Threshold threshold,
    boolean relu,
    double scaleRate) {
  /** Bits of what is not coded. */
  static final int FLOAT = 32;

  private static final List<Kind> PROJECTIONS =
      List.of(Kind.ATTENTION_QUERY, Kind.ATTENTION_KEY, Kind.ATTENTION_VALUE);
  private static final List<String> PROJECTION_MATRICES =
      List.of("attention.self.query", "attention.self.key", "attention.self.value");
  private static final String POOLER = "pooler.dense.weight";

  private static String matrix(int layer, String part) {
    return "encoder.layer." + layer + "." + part + ".weight";
  }

  private static String site(int layer, Kind kind) {
    return new Site(layer, kind).toString();
  }

  /**
   * Attaches the coders to a model that has nothing attached. Scales of elastic coders begin from
   * what the first batch gives, layer by layer, with everything below coded already.
   *
   * @param targets the matrices to code
   * @param first a batch of training examples
   * @param before coders whose thresholds are gone on with, if there are any
   */
  Coding attach(EncoderModel model, Set<String> targets, Batch first, Optional<Coding> before) {
    final Coding coding =
        new Coding(
            method.weights(weights),
            words == FLOAT ? Optional.empty() : Optional.of(method.words(words)));
    if (method == Method.BIT && activations != FLOAT) {
      new Elastics(model, targets, first, before, coding).attach();
      return coding;
    }
    for (String name : targets) {
      coding.matrix(name, input());
    }
    for (int layer = 0; layer < model.architecture().layers().size(); layer++) {
      if (activations != FLOAT && attentionIsCoded(model, layer, targets)) {
        attention(coding, layer);
      }
    }
    coding.attach(model);
    return coding;
  }

  private Optional<InputCoder> input() {
    return switch (activations) {
      case FLOAT -> Optional.empty();
      case 1 -> Optional.of(new SignInput());
      default -> Optional.of(range());
    };
  }

  private RangeInput range() {
    return new RangeInput(activations, TernaryWeights.CLIP);
  }

  /** Layers may share the weights of one of them. */
  private static int weightsOf(EncoderModel model, int layer) {
    return model.architecture().layerWeights().get(layer);
  }

  private static boolean attentionIsCoded(EncoderModel model, int layer, Set<String> targets) {
    final int of = weightsOf(model, layer);
    return PROJECTION_MATRICES.stream().allMatch(part -> targets.contains(matrix(of, part)));
  }

  private void attention(Coding coding, int layer) {
    if (method == Method.BIBERT && activations == 1) {
      coding.attention(layer, threshold);
      return;
    }
    PROJECTIONS.forEach(kind -> coding.site(site(layer, kind), input().orElseThrow()));
    coding.site(
        site(layer, Kind.ATTENTION_PROBABILITIES), activations == 1 ? new StepInput() : range());
  }

  /** The elastic coders of one model, in the making. */
  private final class Elastics {
    private final EncoderModel model;
    private final Set<String> targets;
    private final Batch first;
    private final Optional<Coding> before;
    private final Coding coding;

    Elastics(
        EncoderModel model,
        Set<String> targets,
        Batch first,
        Optional<Coding> before,
        Coding coding) {
      this.model = model;
      this.targets = targets;
      this.first = first;
      this.before = before;
      this.coding = coding;
    }

    void attach() {
      coding.attachWords(model);
      for (int layer = 0; layer < model.architecture().layers().size(); layer++) {
        layer(layer);
      }
      if (targets.contains(POOLER)) {
        matrices(Site.of(Kind.POOLER_INPUT), List.of(POOLER), true);
      }
    }

    private void layer(int layer) {
      final int of = weightsOf(model, layer);
      final boolean rectified = relu && targets.contains(matrix(of, "output.dense"));
      if (rectified) {
        coding.relu(layer);
        model.setActivation(layer, dev.bantam.checkpoint.Architecture.Activation.RELU);
      }
      matrices(
          new Site(layer, Kind.ATTENTION_INPUT),
          PROJECTION_MATRICES.stream().map(part -> matrix(of, part)).toList(),
          true);
      if (attentionIsCoded(model, layer, targets)) {
        final List<Site> projections =
            PROJECTIONS.stream().map(kind -> new Site(layer, kind)).toList();
        sites(projections, true);
        sites(List.of(new Site(layer, Kind.ATTENTION_PROBABILITIES)), false);
      }
      matrices(
          new Site(layer, Kind.ATTENTION_CONTEXT),
          List.of(matrix(of, "attention.output.dense")),
          true);
      matrices(new Site(layer, Kind.FFN_INPUT), List.of(matrix(of, "intermediate.dense")), true);
      matrices(new Site(layer, Kind.FFN_HIDDEN), List.of(matrix(of, "output.dense")), !rectified);
    }

    /** Codes matrices that see the same rows. */
    private void matrices(Site site, List<String> names, boolean signed) {
      final List<String> coded =
          names.stream()
              .filter(targets::contains)
              .filter(name -> coding.input(name).isEmpty()) // by a layer of the same weights
              .toList();
      if (coded.isEmpty()) {
        return;
      }
      final float[] x = model.siteValues(first, List.of(site)).get(0);
      for (String name : coded) {
        final int columns = Math.toIntExact(model.weights().get(name).size(1));
        final INDArray move = move(name, columns);
        final float[] moves = Floats.toArray(move);
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
          sum += Math.abs(x[i] + moves[i % columns]);
        }
        coding.matrix(name, Optional.of(elastic(signed, sum, x.length, move)));
        coding.attachMatrix(model, name);
      }
    }

    private INDArray move(String name, int columns) {
      return before
          .flatMap(earlier -> earlier.input(name))
          .map(coder -> coder.parameters().get(ElasticInput.MOVE))
          .map(INDArray::dup)
          .orElseGet(() -> Floats.tensor(new float[columns], columns));
    }

    private void sites(List<Site> sites, boolean signed) {
      final List<float[]> values = model.siteValues(first, sites);
      for (int i = 0; i < sites.size(); i++) {
        double sum = 0;
        for (float v : values.get(i)) {
          sum += Math.abs(v);
        }
        final String name = sites.get(i).toString();
        coding.site(name, elastic(signed, sum, values.get(i).length, null));
        coding.attachSite(model, name);
      }
    }

    private ElasticInput elastic(boolean signed, double sum, int n, INDArray move) {
      final Elastic elastic = new Elastic(activations, signed);
      final float scale = Math.max(Elastic.LEAST, elastic.initialScale(sum / n));
      return new ElasticInput(
          elastic,
          Floats.tensor(new float[] {scale}, 1),
          move,
          0f,
          elastic.gradientScale(n),
          scaleRate);
    }
  }
}
