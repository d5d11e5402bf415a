package dev.bantam.compression;

import dev.bantam.data.LabelledBatch;
import dev.bantam.model.Batch;
import dev.bantam.model.Model;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the matrices of encoder layers multiply with, for methods that go from layer to layer: which
 * matrices read the same input, and statistics of it over calibration examples.
 */
public final class LayerInputs {
  private static final Pattern OF_LAYER = Pattern.compile("(encoder\\.layer\\.[0-9]+\\.).*");
  private static final Pattern OF_QKV =
      Pattern.compile("(encoder\\.layer\\.[0-9]+\\.attention\\.self\\.)(query|key|value)\\..*");

  private LayerInputs() {}

  /** Receives the rows of one input for one batch. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes them.
     *
     * @param input its name, of {@link #input}
     * @param x [rows, n] from position 0; valid during the call
     * @param texts that the rows are of
     */
    void accept(String input, Floats x, int rows, int texts);
  }

  /** What the names of a layer's parameters begin with; the name itself if it is of no layer. */
  public static String layer(String name) {
    return beginning(OF_LAYER, name);
  }

  /** The name of what a matrix reads: query, key and value of a layer share theirs. */
  public static String input(String name) {
    return beginning(OF_QKV, name);
  }

  private static String beginning(Pattern pattern, String name) {
    final Matcher matcher = pattern.matcher(name);
    return matcher.matches() ? matcher.group(1) : name;
  }

  /**
   * Layers in the order of their first matrix; of each, the matrices by the input they read.
   *
   * @param names of matrices, in the model's order
   */
  public static List<Map<String, List<String>>> layers(Collection<String> names) {
    final Map<String, Map<String, List<String>>> layers = new LinkedHashMap<>();
    names.forEach(
        name ->
            layers
                .computeIfAbsent(layer(name), l -> new LinkedHashMap<>())
                .computeIfAbsent(input(name), i -> new ArrayList<>())
                .add(name));
    return List.copyOf(layers.values());
  }

  /**
   * Passes calibration examples through the live model as it is now, without dropout.
   *
   * @param inputs matrices by input, as of one of {@link #layers}
   * @param sink gets each input once a batch
   */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  public static void forEach(
      CompressionState state,
      Map<String, List<String>> inputs,
      List<LabelledBatch> batches,
      Sink sink) {
    final Model<Batch> model = state.resources().model();
    final List<String> readers = inputs.values().stream().map(names -> names.get(0)).toList();
    try (Model.Frozen frozen = model.freeze()) {
      for (LabelledBatch batch : batches) {
        model.linearInputs(
            batch.batch(),
            readers,
            (name, x, rows, columns) ->
                sink.accept(input(name), x, rows, batch.batch().sequences()));
      }
    }
  }

  /** H of each input, see {@link #forEach}. */
  public static Map<String, SecondMoments> moments(
      CompressionState state, Map<String, List<String>> inputs, List<LabelledBatch> batches) {
    final Workers workers = state.resources().workers();
    final Map<String, SecondMoments> moments = new LinkedHashMap<>();
    inputs.forEach(
        (input, names) -> {
          final long columns = state.weights().get(names.get(0)).size(1);
          moments.put(input, new SecondMoments(Math.toIntExact(columns), workers));
        });
    forEach(
        state, inputs, batches, (input, x, rows, texts) -> moments.get(input).add(x, rows, texts));
    moments.values().forEach(SecondMoments::close);
    return moments;
  }
}
