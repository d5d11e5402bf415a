package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.List;
import java.util.Locale;

/** Makes sure that both sides of a comparison compute the same. */
final class Agreement {
  /** Largest difference of two elements of the last hidden states. */
  static final double TOLERANCE = 5e-5;

  private Agreement() {}

  /**
   * Compares the last hidden states of a batch, padding left out.
   *
   * @param what names the batch in the message
   * @throws BantamException (unexpected) if they differ by more than {@link #TOLERANCE}
   */
  static void check(
      String what, EncoderModel ours, OnnxRuntimeEncoder theirs, List<Encoding> encodings) {
    final float[] got = ours.encode(Batch.of(encodings));
    final float[] expected;
    final int row;
    final int d = ours.architecture().hiddenSize();
    try (OnnxRuntimeEncoder.Input input = theirs.input(encodings)) {
      expected = theirs.lastHiddenStates(input);
      row = input.length() * d;
    }
    if (expected.length != row * encodings.size()) {
      throw new BantamException(
          ExitCode.UNEXPECTED,
          String.format(
              Locale.ROOT,
              "%s: the ONNX file gives %d numbers for %d sentences of %d, and the model %d. Both"
                  + " must be the same encoder, and the file's output its last hidden states.",
              what,
              expected.length,
              encodings.size(),
              row / d,
              row * encodings.size()));
    }
    double worst = 0;
    int from = 0;
    for (int s = 0; s < encodings.size(); s++) {
      final int n = encodings.get(s).length() * d;
      for (int i = 0; i < n; i++) {
        final double difference = Math.abs((double) got[from + i] - expected[s * row + i]);
        worst = difference <= worst ? worst : difference; // this way round NaN stays
      }
      from += n;
    }
    if (!(worst <= TOLERANCE)) {
      throw new BantamException(
          ExitCode.UNEXPECTED,
          String.format(
              Locale.ROOT,
              "%s: the last hidden states differ from ONNX Runtime's by up to %.3g, more than %.0e."
                  + " Times of different work are not compared.",
              what,
              worst,
              TOLERANCE));
    }
  }

  /**
   * Compares the last hidden states that two files give for a batch, whose weights may be rounded
   * in different ways.
   *
   * @param what names the batch in the message
   * @param lowest smallest cosine of all numbers together
   * @throws BantamException (unexpected) if it is smaller
   */
  static void check(String what, float[] ours, float[] theirs, double lowest) {
    double product = 0;
    double squares = 0;
    double theirSquares = 0;
    for (int i = 0; i < Math.min(ours.length, theirs.length); i++) {
      product += (double) ours[i] * theirs[i];
      squares += (double) ours[i] * ours[i];
      theirSquares += (double) theirs[i] * theirs[i];
    }
    final double cosine = product / Math.sqrt(squares * theirSquares);
    if (ours.length != theirs.length || !(cosine >= lowest)) { // NaN does not pass
      throw new BantamException(
          ExitCode.UNEXPECTED,
          String.format(
              Locale.ROOT,
              "%s: the files give %d and %d numbers whose cosine is %.6f, less than %s. Times of"
                  + " different work are not compared.",
              what,
              ours.length,
              theirs.length,
              cosine,
              lowest));
    }
  }
}
