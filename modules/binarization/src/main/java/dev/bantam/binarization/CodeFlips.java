package dev.bantam.binarization;

import dev.bantam.checkpoint.Progress;
import dev.bantam.tensor.BantamException;
import dev.bantam.training.Intervention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Counts the codes of latent weights that change in each epoch. None at all means that the learning
 * rate is too small to train anything; a share that does not fall, that weights swing to and fro.
 */
final class CodeFlips implements Intervention {
  private final Coding coding;
  private final Map<String, INDArray> weights;
  private final Progress progress;
  private final Map<String, byte[]> codes = new LinkedHashMap<>();
  private final List<long[]> epochs = new ArrayList<>();

  /**
   * @param weights latent tensors to watch, by name
   */
  CodeFlips(Coding coding, Map<String, INDArray> weights, Progress progress) {
    this.coding = coding;
    this.weights = new LinkedHashMap<>(weights);
    this.progress = progress;
    remember();
  }

  private void remember() {
    weights.forEach(
        (name, weight) ->
            codes.put(name, CodedWeight.of(coding.weightCoder(name), weight).codes()));
  }

  /** At the end of an epoch. */
  @Override
  public void settle() {
    final long[] flips = new long[weights.size()];
    int i = 0;
    for (Map.Entry<String, INDArray> weight : weights.entrySet()) {
      final String name = weight.getKey();
      final byte[] now = CodedWeight.of(coding.weightCoder(name), weight.getValue()).codes();
      final byte[] then = codes.put(name, now);
      for (int c = 0; c < now.length; c++) {
        flips[i] += now[c] == then[c] ? 0 : 1;
      }
      i++;
    }
    epochs.add(flips);
    final long all = weights.values().stream().mapToLong(INDArray::length).sum();
    progress.message(
        String.format(
            Locale.ROOT,
            "epoch %d: %.2f %% of all codes changed",
            epochs.size(),
            100.0 * Arrays.stream(flips).sum() / all));
  }

  /** Shares of a weight's codes that changed in each epoch, in percent. */
  List<Double> percentages(String name) {
    final int index = List.copyOf(weights.keySet()).indexOf(name);
    return epochs.stream().map(flips -> 100.0 * flips[index] / weights.get(name).length()).toList();
  }

  @Override
  public String notes() {
    return epochs.stream()
        .map(
            flips -> Arrays.stream(flips).mapToObj(Long::toString).collect(Collectors.joining(",")))
        .collect(Collectors.joining(";"));
  }

  @Override
  public void restore(String notes) {
    epochs.clear();
    for (String epoch : notes.isEmpty() ? new String[0] : notes.split(";", -1)) {
      final String[] counts = epoch.split(",", -1);
      if (counts.length != weights.size()) {
        throw BantamException.badInput(
            "The saved training counts codes of "
                + counts.length
                + " tensors and not of "
                + weights.size()
                + ". Delete the cell's work folder and run again.");
      }
      epochs.add(Arrays.stream(counts).mapToLong(Long::parseLong).toArray());
    }
    remember();
  }
}
