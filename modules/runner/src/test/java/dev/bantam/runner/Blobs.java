package dev.bantam.runner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/**
 * A folder with numbers of three overlapping classes, {@code train.csv}, {@code dev.csv} and {@code
 * task.yaml}, and {@code blobs.zip}, a network that plain DL4J has trained on them and saved.
 */
final class Blobs {
  private static final int WIDTH = 12;
  private static final int CLASSES = 3;
  private static final int TRAIN = 400;
  private static final int DEV = 150;

  private final Path folder;
  private final MultiLayerNetwork network;
  private final DataSet dev;

  private Blobs(Path folder) {
    this.folder = folder;
    final DataSet train = rows(TRAIN, 1);
    this.dev = rows(DEV, 2);
    write("train.csv", train);
    write("dev.csv", dev);
    text("task.yaml", "{train: train.csv, dev: dev.csv, features: \"x*\", label: kind}\n");
    this.network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(3)
                .updater(new Adam(0.01))
                .activation(Activation.TANH)
                .list()
                .layer(new DenseLayer.Builder().nIn(WIDTH).nOut(24).dropOut(0.9).build())
                .layer(new DenseLayer.Builder().nIn(24).nOut(16).build())
                .layer(
                    new OutputLayer.Builder()
                        .nIn(16)
                        .nOut(CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
    network.init();
    for (int epoch = 0; epoch < 60; epoch++) {
      network.fit(train);
    }
    try {
      ModelSerializer.writeModel(network, zip().toFile(), true);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static Blobs in(Path parent) {
    try {
      return new Blobs(Files.createDirectories(parent.resolve("blobs")));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Class k lies around a corner of its own; a third of the columns is noise alone. */
  private static DataSet rows(int count, long seed) {
    final Random random = new Random(seed);
    final INDArray x = Nd4j.zeros(count, WIDTH);
    final INDArray y = Nd4j.zeros(count, CLASSES);
    for (int r = 0; r < count; r++) {
      final int kind = random.nextInt(CLASSES);
      for (int c = 0; c < WIDTH; c++) {
        final double corner = c % CLASSES == kind && c < 8 ? 1.1 : 0;
        x.putScalar(r, c, Math.round(1000 * (corner + random.nextGaussian())) / 1000.0);
      }
      y.putScalar(r, kind, 1);
    }
    return new DataSet(x, y);
  }

  private void write(String name, DataSet data) {
    final StringBuilder csv = new StringBuilder("id");
    for (int c = 0; c < WIDTH; c++) {
      csv.append(",x").append(c);
    }
    csv.append(",kind\n");
    for (int r = 0; r < data.numExamples(); r++) {
      csv.append('r').append(r);
      for (int c = 0; c < WIDTH; c++) {
        csv.append(String.format(Locale.ROOT, ",%.3f", data.getFeatures().getDouble(r, c)));
      }
      csv.append(',').append(data.getLabels().getRow(r).argMax().getInt(0)).append('\n');
    }
    text(name, csv.toString());
  }

  /** Writes a file into the folder. */
  Path text(String name, String content) {
    try {
      return Files.writeString(folder.resolve(name), content, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  Path folder() {
    return folder;
  }

  Path zip() {
    return folder.resolve("blobs.zip");
  }

  Path task() {
    return folder.resolve("task.yaml");
  }

  MultiLayerNetwork network() {
    return network;
  }

  /** Loads a zip with DL4J and nothing else. */
  static MultiLayerNetwork restore(Path zip) {
    try {
      return ModelSerializer.restoreMultiLayerNetwork(zip.toFile(), true);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Accuracy on dev by DL4J's own evaluation. */
  double accuracy(MultiLayerNetwork other) {
    final Evaluation evaluation = new Evaluation(CLASSES);
    evaluation.eval(dev.getLabels(), other.output(dev.getFeatures()));
    return evaluation.accuracy();
  }

  /** Mean loss on dev by DL4J's own score. */
  double loss(MultiLayerNetwork other) {
    return other.score(dev, false);
  }
}
