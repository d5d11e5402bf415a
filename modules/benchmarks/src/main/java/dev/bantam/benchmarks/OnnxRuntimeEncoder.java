package dev.bantam.benchmarks;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An encoder run by ONNX Runtime on the processor, with all of its graph optimisations; its threads
 * spin between runs, as is its default.
 */
final class OnnxRuntimeEncoder implements AutoCloseable {
  private static final String LAST_HIDDEN_STATE = "last_hidden_state";

  /** What ONNX Runtime 1.29 copies its process's command line into, without looking. */
  private static final int LONGEST_COMMAND_LINE = 4096;

  private final OrtEnvironment environment;
  private final OrtSession session;
  private final String output;
  private final int padTokenId;

  /**
   * @param source what to call the file in messages
   * @param onnx bytes of the ONNX file
   * @param threads threads within an operator, the calling one included
   * @param padTokenId fills sentences shorter than the longest of a batch
   * @throws BantamException (bad input) if ONNX Runtime does not take the file
   */
  OnnxRuntimeEncoder(String source, byte[] onnx, int threads, int padTokenId) {
    this.padTokenId = padTokenId;
    refuseLongCommandLine();
    environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      options.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
      options.setIntraOpNumThreads(threads);
      session = environment.createSession(onnx, options);
    } catch (OrtException e) {
      throw BantamException.badInput(
          "ONNX Runtime cannot open " + source + ": " + e.getMessage() + ".", e);
    }
    final Set<String> outputs = session.getOutputNames();
    output = outputs.contains(LAST_HIDDEN_STATE) ? LAST_HIDDEN_STATE : outputs.iterator().next();
  }

  private static void refuseLongCommandLine() {
    final Path commandLine = Path.of("/proc/self/cmdline");
    if (!Files.isReadable(commandLine)) {
      return;
    }
    try {
      final int length = Files.readAllBytes(commandLine).length;
      if (length >= LONGEST_COMMAND_LINE) {
        throw BantamException.badInput(
            "ONNX Runtime 1.29 crashes in a process whose command line has "
                + LONGEST_COMMAND_LINE
                + " bytes or more, and that of this one has "
                + length
                + ". Start with ./bantam bench, or name the class path in the environment variable"
                + " CLASSPATH.");
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + commandLine + ": " + e + ".", e);
    }
  }

  /** Name and version of the library. */
  String runtime() {
    return "onnxruntime " + environment.getVersion();
  }

  /** A batch as ONNX Runtime takes it: sentences padded to the longest. */
  final class Input implements AutoCloseable {
    private final int sentences;
    private final int length;
    private final Map<String, OnnxTensor> tensors = new LinkedHashMap<>();

    private Input(List<Encoding> encodings) throws OrtException {
      sentences = encodings.size();
      length = encodings.stream().mapToInt(Encoding::length).max().orElseThrow();
      final long[] ids = new long[Math.multiplyExact(sentences, length)];
      final long[] types = new long[ids.length];
      final long[] mask = new long[ids.length];
      java.util.Arrays.fill(ids, padTokenId);
      for (int s = 0; s < sentences; s++) {
        final Encoding e = encodings.get(s);
        for (int t = 0; t < e.length(); t++) {
          ids[s * length + t] = e.ids()[t];
          types[s * length + t] = e.typeIds()[t];
          mask[s * length + t] = 1;
        }
      }
      final Map<String, long[]> values =
          Map.of("input_ids", ids, "token_type_ids", types, "attention_mask", mask);
      for (String name : session.getInputNames()) {
        if (!values.containsKey(name)) {
          throw BantamException.badInput(
              "The ONNX file has an input '"
                  + name
                  + "'. A sentence encoder has input_ids, attention_mask and token_type_ids.");
        }
        tensors.put(
            name,
            OnnxTensor.createTensor(
                environment, LongBuffer.wrap(values.get(name)), new long[] {sentences, length}));
      }
    }

    /** Tokens of each padded sentence. */
    int length() {
      return length;
    }

    @Override
    public void close() {
      tensors.values().forEach(OnnxTensor::close);
    }
  }

  /** Makes the tensors of a batch. */
  Input input(List<Encoding> encodings) {
    try {
      return new Input(encodings);
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  /** Runs a batch and leaves its result where it is. */
  void run(Input input) {
    try (OrtSession.Result result = session.run(input.tensors, Set.of(output))) {
      if (result.size() != 1) {
        throw new IllegalStateException("ONNX Runtime gave " + result.size() + " outputs");
      }
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  /** The last hidden states of a batch, [sentences, length, d] row-major. */
  float[] lastHiddenStates(Input input) {
    try (OrtSession.Result result = session.run(input.tensors, Set.of(output))) {
      final FloatBuffer buffer = ((OnnxTensor) result.get(0)).getFloatBuffer();
      final float[] values = new float[buffer.remaining()];
      buffer.get(values);
      return values;
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  private static IllegalStateException failed(OrtException e) {
    return new IllegalStateException("ONNX Runtime failed", e);
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw failed(e);
    }
  }
}
