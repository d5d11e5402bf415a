package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.EmpiricalFisher;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.LayerInputs;
import dev.bantam.compression.SecondMoments;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.Cost;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.LabelledBatch;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Rounds so that the outputs of each layer change least (GPTQ, Frantar et al. 2023), layer after
 * layer: the inputs of a layer are those that the layers before it, rounded already, give it.
 *
 * @param batches of training examples whose inputs are looked at, at least 1
 * @param batch examples of one, at least 1
 * @param block columns of a block
 * @param dampening share of the mean diagonal element of H that is added to the diagonal
 * @param actOrder whether columns of large inputs come first
 * @param staticGroups whether the levels of groups of inputs come from the weights as they were;
 *     with {@code actOrder} they do in any case, since files hold groups of neighbouring inputs
 */
record Gptq(
    int batches, int batch, int block, double dampening, boolean actOrder, boolean staticGroups)
    implements Rounding {
  private static final int MOST = 1 << 20;
  private static final int SMOKE_BATCH = 16;

  /** Rows of a piece of work. */
  private static final int ROWS = 16;

  /** Reads {@code quantize: {method: gptq, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "quantize";
    }

    @Override
    public String method() {
      return "gptq";
    }

    @Override
    public Step parse(Settings settings) {
      return Quantization.read(settings, Gptq.read(settings));
    }
  }

  private static Gptq read(Settings settings) {
    final boolean actOrder = settings.flag("act-order", false);
    final boolean staticGroups =
        settings.has("group-size") && settings.flag("static-groups", false);
    return new Gptq(
        settings.integer("batches", 1, MOST, 16),
        settings.integer("batch", 1, 1 << 12, 32),
        settings.integer("block", 1, MOST, 128),
        settings.number("dampening", 1e-9, 10, 0.01),
        actOrder,
        staticGroups);
  }

  @Override
  public List<StepProblem> check(
      Map<String, long[]> shapes, List<String> names, WeightFormat format) {
    final List<StepProblem> problems = new ArrayList<>();
    for (String name : names) {
      if (!TensorSelector.isLayerMatrix(name)) {
        problems.add(
            new StepProblem(
                "targets",
                "'"
                    + name
                    + "' is no matrix of a layer, and 'gptq' looks at the inputs of those"
                    + " alone. Round it in a step of its own with 'method: rtn'."));
      }
    }
    return problems;
  }

  @Override
  public Cost cost(Map<String, long[]> shapes, List<String> names) {
    final List<Map<String, List<String>>> layers = LayerInputs.layers(names);
    long most = 0;
    for (Map<String, List<String>> layer : layers) {
      long moments = 0;
      long factors = 0;
      for (List<String> members : layer.values()) {
        final long n = shapes.get(members.get(0))[1];
        moments += SecondMoments.heapBytes(n);
        factors = Math.max(factors, LayerHessian.heapBytes(n));
      }
      most = Math.max(most, moments + factors);
    }
    return new Cost(0, most, 0, (long) batches * batch * layers.size(), 0);
  }

  @Override
  public Gptq smoke() {
    return new Gptq(1, Math.min(batch, SMOKE_BATCH), block, dampening, actOrder, staticGroups);
  }

  @Override
  public Map<String, Integer> settings() {
    return Map.of("batches", batches, "batch", batch);
  }

  @Override
  public String describe() {
    return String.format(
        Locale.ROOT,
        "gptq from %d batches of %d examples, blocks of %d, dampening %s%s%s",
        batches,
        batch,
        block,
        dampening,
        actOrder ? ", large inputs first" : "",
        staticGroups ? ", static groups" : "");
  }

  @Override
  public String method(String widths) {
    return widths.isEmpty() ? "gptq" : widths + "-gptq";
  }

  @Override
  public void round(
      CompressionState state,
      Map<String, WeightFormat> formats,
      BiConsumer<String, GroupedTensor> store) {
    final List<LabelledBatch> sample =
        new EmpiricalFisher.Sample(batches, batch, state.seed("sample", "gptq"))
            .batches(state.resources().train());
    final List<Map<String, List<String>>> layers = LayerInputs.layers(formats.keySet());
    try (var bar =
        state.resources().progress().start("Rounding by GPTQ", formats.size(), "matrices")) {
      for (Map<String, List<String>> inputs : layers) {
        final Map<String, SecondMoments> moments = LayerInputs.moments(state, inputs, sample);
        for (Map.Entry<String, List<String>> input : inputs.entrySet()) {
          final LayerHessian hessian = hessian(input.getKey(), moments.remove(input.getKey()));
          for (String name : input.getValue()) {
            store.accept(name, quantize(state, name, hessian, formats.get(name)));
            bar.advance(1);
          }
        }
      }
    }
  }

  private LayerHessian hessian(String input, SecondMoments moments) {
    try {
      return LayerHessian.of(moments, dampening, actOrder);
    } catch (ArithmeticException e) {
      throw BantamException.badInput(
          "The second moments of the input of '"
              + input
              + "' are not positive definite, even with 'dampening: "
              + dampening
              + "'. Choose a larger one, or more 'batches'.",
          e);
    }
  }

  private GroupedTensor quantize(
      CompressionState state, String name, LayerHessian hessian, WeightFormat format) {
    final float[] w = state.finiteWeight(name);
    final int rows = w.length / hessian.size();
    final Groups groups = format.groups(rows, hessian.size());
    final byte[] codes = new byte[w.length];
    final GroupGrid[] grids = new GroupGrid[groups.count()];
    final GptqRows.Groups when =
        groups.height() > 1
            ? GptqRows.Groups.GIVEN
            : staticGroups || actOrder ? GptqRows.Groups.STATIC : GptqRows.Groups.DYNAMIC;
    if (when == GptqRows.Groups.GIVEN) {
      final int size = groups.height() * groups.width();
      final GroupFit fit = GroupFit.of(format);
      for (int g = 0; g < grids.length; g++) {
        grids[g] = fit.fit(w, g * size, size);
      }
    }
    final boolean[] gone = MatrixQuantizer.gone(state, name, format);
    final GptqRows kernel =
        new GptqRows(
            hessian, block, groups.width(), groups.height(), when, () -> GroupFit.of(format));
    state
        .resources()
        .workers()
        .run(
            (rows + ROWS - 1) / ROWS,
            (piece, worker) ->
                kernel.quantize(
                    w, gone, piece * ROWS, Math.min(rows, (piece + 1) * ROWS), codes, grids));
    return MatrixQuantizer.tensor(name, groups, format, codes, grids);
  }
}
